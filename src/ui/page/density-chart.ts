import { useMemo, useState } from 'preact/hooks'
import { rowsInCells } from '../../drawing/rows-in-cells.ts'
import type { ColumnDetail, ColumnGlance } from '../api.ts'
import { classes, html } from './dom.ts'
import { number } from './format.ts'
import { density, modeDensity, modeOf, normalized } from './mixture.ts'
import { useWidth } from './parts.ts'
import { line, px, ticks } from './scale.ts'

const [glanceWidth, glanceHeight] = [192, 56]

/** A small picture of a column: its histogram, and its modes in colour. Heights are square roots. */
export function DensityGlance({ column }: { column: ColumnGlance }) {
  const { range, mean, name } = column
  // The page is drawn again each second.
  const { histogram, curves } = useMemo(() => glancePaths(column), [column])
  if (range === undefined)
    return html`<svg class="glance" viewBox=${`0 0 ${glanceWidth} ${glanceHeight}`} aria-hidden="true">
      <path class="one-value" d=${`M${glanceWidth / 2} 4V${glanceHeight}`} /></svg>`
  const [low, high] = range
  return html`<svg class="glance" viewBox=${`0 0 ${glanceWidth} ${glanceHeight}`} preserveAspectRatio="none" role="img"
      aria-label=${`${name}: ${mean.length} modes between ${number(low)} and ${number(high)}`}>
    <path class="histogram" d=${histogram} />
    ${curves.map((path, k) => html`<path key=${k} class=${`curve m${k % 10}`} d=${path} />`)}
  </svg>`
}

/** The outlines of a histogram and of the modes. */
function glancePaths({ range, bars, mean, std, weight }: ColumnGlance) {
  if (range === undefined) return { histogram: '', curves: [] }
  const [low, high] = range
  const step = glanceWidth / bars.length
  const histogram = bars.map((height, i) => `L${px(i * step)} ${px(at(height))}H${px((i + 1) * step)}`).join('')
  const cell = (high - low) / bars.length
  // Heights of bars are square roots of rows, 100 the highest: the area of all is the scale of the curves.
  const total = bars.reduce((sum, height) => sum + height * height, 0)
  const points = 64
  const curves = mean.map((_, k) => {
    const path = Array.from({ length: points + 1 }, (_, i) => {
      const x = low + ((high - low) * i) / points
      const rows = total * cell * modeDensity({ mean, std, weight }, k, x)
      return [(glanceWidth * i) / points, at(Math.min(100, Math.sqrt(rows)))] as const
    })
    return `${line([[0, glanceHeight], ...path, [glanceWidth, glanceHeight]])}Z`
  })
  return { histogram: `M0 ${glanceHeight}${histogram}V${glanceHeight}Z`, curves }

  function at(height: number): number {
    return glanceHeight - (height / 100) * (glanceHeight - 4)
  }
}

const margin = { left: 8, right: 8, top: 20, bottom: 40 }
const height = 320
const stepsOfKeys = 100

interface DensityChartProps {
  readonly column: ColumnDetail
  /** of another version, dashed over it */
  readonly other: ColumnDetail | undefined
  readonly otherName: string
  readonly isLog: boolean
  /** value that is marked */
  readonly marked: number | undefined
  readonly onMark: (value: number | undefined) => void
}

/** A column's histogram, its modes in colour, and what a value under the pointer becomes. */
export function DensityChart({ column, other, otherName, isLog, marked, onMark }: DensityChartProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const [pointed, setPointed] = useState<number | undefined>(undefined)
  const { range, name, mean, rows } = column
  const [low, high] = range ?? [0, 1]
  const w = width - margin.left - margin.right
  const h = height - margin.top - margin.bottom
  const cells = Math.max(24, Math.floor(w / 4))
  const cell = (high - low) / cells
  const bars = useMemo(() => rowsInCells(column.histogram, low, high, cells), [column, low, high, cells])
  const peak = Math.max(...bars, 1)
  const floor = isLog ? 0.5 : 0
  const heightOf = (count: number) =>
    isLog ? Math.max(0, Math.log(count / floor)) / Math.log(peak / floor) : Math.sqrt(Math.min(1, count / peak))
  const x = (value: number) => margin.left + ((value - low) / (high - low)) * w
  const y = (count: number) => margin.top + h - Math.min(1, heightOf(count)) * h
  const base = margin.top + h
  const curve = (of: (value: number) => number) =>
    Array.from({ length: 2 * cells + 1 }, (_, i) => {
      const value = low + (i * cell) / 2
      return [x(value), y(rows * cell * of(value))] as const
    })
  const pictures = useMemo(
    () =>
      mean.map(
        (_, k) =>
          `${line([[margin.left, base], ...curve((v) => modeDensity(column, k, v)), [margin.left + w, base]])}Z`,
      ),
    [column, width, isLog],
  )
  if (range === undefined) return html`<p class="none">All values are the same: ${number(column.min)}.</p>`

  const value = pointed ?? marked
  const mode = value === undefined ? undefined : modeOf(column, value)
  const valueAt = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect()
    return low + Math.min(1, Math.max(0, (event.clientX - box.left - margin.left) / w)) * (high - low)
  }
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const next = (value ?? (low + high) / 2) + (step * (high - low)) / stepsOfKeys
    onMark(Math.min(high, Math.max(low, next)))
  }
  const said =
    value === undefined || mode === undefined
      ? `${name}: ${mean.length} modes`
      : `${number(value)} becomes ${number(normalized(column, value, mode))} of mode ${mode}`
  const histogram = bars.map((count, i) => `L${px(x(low + i * cell))} ${px(y(count))}H${px(x(low + (i + 1) * cell))}`)
  return html`<div ref=${ref} class="plot" style=${{ height: `${height}px` }}>
    <div class="walked" role="slider" tabindex="0" aria-label=${`Density of ${name}`} aria-valuemin=${low}
      aria-valuemax=${high}
      aria-valuenow=${value ?? low} aria-valuetext=${said} onKeyDown=${walk}
      onPointerMove=${(event: PointerEvent) => setPointed(valueAt(event))} onPointerLeave=${() => setPointed(undefined)}
      onClick=${(event: PointerEvent) => onMark(valueAt(event))}>
    <svg class="density" width=${width} height=${height} aria-hidden="true">
      <path class="histogram" d=${`M${margin.left} ${base}${histogram.join('')}V${base}Z`} />
      ${pictures.map(
        (path, k) => html`<path key=${k} class=${classes('curve', `m${k % 10}`, mode === k && 'chosen')}
        d=${path} />`,
      )}
      <path class="total" d=${line(curve((v) => density(column, v)))} />
      ${
        other !== undefined &&
        html`<path class="other" d=${line(curve((v) => density(other, v)))}>
        <title>${otherName}</title></path>`
      }
      <path class="axis" d=${`M${margin.left} ${base}h${w}`} />
      ${mean.map((m, k) =>
        m < low || m > high
          ? null
          : html`<text key=${k} class=${`mode-name m${k % 10}`} x=${px(x(m))} y=${base + 15}
            text-anchor="middle">${k}</text>`,
      )}
      ${ticks(low, high, Math.max(2, Math.floor(w / 110))).map(
        (tick) => html`<g key=${tick}><path class="tick" d=${`M${px(x(tick))} ${base}v4`} />
          <text x=${px(Math.min(width - 24, Math.max(24, x(tick))))} y=${base + 32}
            text-anchor="middle">${number(tick)}</text></g>`,
      )}
      ${
        value !== undefined &&
        value >= low &&
        value <= high &&
        html`<path class="cross" d=${`M${px(x(value))} ${margin.top}V${base}`} />
          <circle class=${`dot m${(mode ?? 0) % 10}`} r="4" cx=${px(x(value))}
            cy=${px(y(rows * cell * density(column, value)))} />`
      }
    </svg></div>
    ${
      value !== undefined &&
      mode !== undefined &&
      html`<output class="tip" style=${{ left: `${Math.min(width - 190, Math.max(0, x(value) - 95))}px` }}>
      ${number(value, 6)} → (${number(normalized(column, value, mode))}, <span
        class=${`mode m${mode % 10}`}>${mode}</span>)</output>`
    }
  </div>`
}
