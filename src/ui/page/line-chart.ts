import { useState } from 'preact/hooks'
import { classes, html } from './dom.ts'
import { clock, compact } from './format.ts'
import { useWidth } from './parts.ts'
import { line, px, roundUp } from './scale.ts'
import { Table } from './table.ts'

export interface Series {
  readonly name: string
  /** class of its colour */
  readonly colour: string
  readonly values: readonly number[]
}

interface LineChartProps {
  readonly title: string
  /** of the values */
  readonly unit: string
  /** ms since 1970, ascending */
  readonly atMs: readonly number[]
  readonly series: readonly Series[]
  readonly fromMs: number
  readonly toMs: number
  readonly format?: (value: number) => string
  /** values up to it are no reason to worry */
  readonly band?: number | undefined
  readonly marks?: readonly { readonly atMs: number; readonly label: string }[]
  readonly height?: number
  readonly rowName?: string
  /** the axis goes as far at least */
  readonly least?: number
}

const margin = { left: 48, right: 12, top: 12, bottom: 24 }

/** Lines over time, what they are under the pointer or the arrow keys, and the same as a table. */
export function LineChart(props: LineChartProps) {
  const { title, unit, atMs, series, fromMs, toMs, band, marks = [], height = 176, format = compact } = props
  const [ref, width] = useWidth<HTMLDivElement>()
  const [at, setAt] = useState<number | undefined>(undefined)
  const top = roundUp(
    Math.max(props.least ?? 0, band === undefined ? 0 : 1.5 * band, ...series.flatMap(({ values }) => values)),
  )
  const [w, h] = [width - margin.left - margin.right, height - margin.top - margin.bottom]
  const x = (ms: number) => margin.left + (w * (ms - fromMs)) / Math.max(1, toMs - fromMs)
  const y = (value: number) => margin.top + h - (h * value) / top
  const shown = at === undefined ? atMs.length - 1 : Math.min(at, atMs.length - 1)
  const first = Math.max(
    0,
    atMs.findIndex((ms) => ms >= fromMs),
  )

  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect()
    const ms = fromMs + ((event.clientX - box.left - margin.left) / w) * (toMs - fromMs)
    let nearest = first
    for (let i = first; i < atMs.length; i++) if (Math.abs(atMs[i] - ms) < Math.abs(atMs[nearest] - ms)) nearest = i
    setAt(nearest)
  }
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 }[event.key]
    if (step === undefined || atMs.length === 0) return
    event.preventDefault()
    setAt(Math.min(atMs.length - 1, Math.max(first, shown + step)))
  }

  const rows = atMs.slice(first).map((ms, i) => ({ ms, values: series.map(({ values }) => values[first + i]) }))
  const said = series.map(({ name, values }) => `${name} ${format(values[shown] ?? 0)}`).join(', ')
  return html`<figure class="chart">
    <figcaption><b>${title}</b><span class="legend">${series.map(
      ({ name, colour, values }) =>
        html`<span key=${name} class=${classes('key', colour)}>${name} <b>${
          atMs.length === 0 ? '–' : format(values[shown] ?? 0)
        }</b></span>`,
    )}<span class="when">${at === undefined || atMs.length === 0 ? unit : `${unit}, ${clock(atMs[shown])}`}</span>
      </span></figcaption>
    <div ref=${ref} class="plot" style=${{ height: `${height}px` }}>
      <div class="walked" role="slider" tabindex="0" aria-label=${title} aria-valuemin="0"
        aria-valuemax=${Math.max(0, atMs.length - 1)} aria-valuenow=${Math.max(0, shown)}
        aria-valuetext=${atMs.length === 0 ? 'Nothing yet' : `${clock(atMs[shown])}: ${said}`}
        onKeyDown=${walk} onBlur=${() => setAt(undefined)}
        onPointerMove=${point} onPointerLeave=${() => setAt(undefined)}>
      <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} aria-hidden="true">
        ${
          band !== undefined &&
          html`<rect class="band" x=${margin.left} width=${w} y=${px(y(band))}
          height=${px(y(0) - y(band))} />`
        }
        ${[0, 0.5, 1].map(
          (part) => html`<g key=${part}><path class="grid" d=${`M${margin.left} ${px(y(part * top))}h${w}`} />
            <text x=${margin.left - 8} y=${px(y(part * top)) + 4} text-anchor="end">${format(part * top)}</text></g>`,
        )}
        <text x=${margin.left} y=${height - 6}>${clock(fromMs)}</text>
        <text x=${width - margin.right} y=${height - 6} text-anchor="end">${clock(toMs)}</text>
        ${marks.map(
          ({ atMs: ms, label }) => html`<g key=${label}><path class="mark" d=${`M${px(x(ms))} ${margin.top}v${h}`} />
            <text x=${px(x(ms)) + 4} y=${margin.top + 10}>${label}</text></g>`,
        )}
        ${series.map(
          ({ name, colour, values }) => html`<path key=${name} class=${classes('line', colour)}
            d=${line(atMs.slice(first).map((ms, i) => [x(ms), y(values[first + i])] as const))} />`,
        )}
        ${
          at !== undefined &&
          atMs.length > 0 &&
          html`<path class="cross" d=${`M${px(x(atMs[shown]))} ${margin.top}v${h}`} />
          ${series.map(
            ({ name, colour, values }) => html`<circle key=${name} class=${classes('dot', colour)} r="3"
              cx=${px(x(atMs[shown]))} cy=${px(y(values[shown] ?? 0))} />`,
          )}`
        }
      </svg></div>
    </div>
    <details><summary>As a table</summary>
      <${Table} caption=${`${title}, ${unit}`} file="rates" rows=${rows} keyOf=${(row: (typeof rows)[number]) => row.ms}
        sortedBy=${props.rowName ?? 'time'} isDescending columns=${[
          {
            name: props.rowName ?? 'time',
            value: ({ ms }: (typeof rows)[number]) => ms,
            show: ({ ms }: (typeof rows)[number]) => clock(ms),
          },
          ...series.map(({ name }, i) => ({
            name,
            isNumber: true,
            value: ({ values }: (typeof rows)[number]) => values[i],
            show: ({ values }: (typeof rows)[number]) => format(values[i]),
          })),
        ]} />
    </details>
  </figure>`
}
