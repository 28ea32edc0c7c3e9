import { useState } from 'preact/hooks'
import type { FlowStage } from '../api.ts'
import { classes, html } from './dom.ts'
import { compact, count, plural } from './format.ts'
import { useWidth } from './parts.ts'
import { Table } from './table.ts'

/** Bars up to so many partitions; above, a cell each. */
const mostBars = 64
const height = 80
const cellPx = 14
/** A strip of a few rows here and there is not to look like a catastrophe. */
const leastPeak = 10_000

interface Part {
  readonly partition: number
  readonly lag: number
}

/** Lag by partition, the worst first: bars, or a strip of cells, and a table. */
export function LagStrip({ stage }: { stage: FlowStage }) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const [at, setAt] = useState<number | undefined>(undefined)
  const parts = stage.lags.map((lag, partition): Part => ({ partition, lag }))
  const isBars = parts.length <= mostBars
  const sorted = isBars ? parts.toSorted((a, b) => b.lag - a.lag || a.partition - b.partition) : parts
  const peak = Math.max(0, ...stage.lags)
  const shown = at === undefined ? undefined : sorted[Math.min(at, sorted.length - 1)]
  const perLine = Math.max(1, Math.floor(width / cellPx))

  const walk = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -perLine, ArrowDown: perLine }[event.key]
    if (step === undefined) return
    event.preventDefault()
    setAt(Math.min(sorted.length - 1, Math.max(0, (at ?? -Math.max(step, 0)) + (isBars ? Math.sign(step) : step))))
  }
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect()
    const [x, y] = [event.clientX - box.left, event.clientY - box.top]
    const found = isBars
      ? Math.floor((x / width) * sorted.length)
      : Math.floor(y / cellPx) * perLine + Math.min(perLine - 1, Math.floor(x / cellPx))
    setAt(found >= 0 && found < sorted.length ? found : undefined)
  }

  const rowOf = ({ partition, lag }: Part) => ({
    partition,
    lag,
    committed: stage.committed[partition],
    end: stage.ends[partition],
  })
  const rows = parts.map(rowOf)
  type Row = (typeof rows)[number]
  const told =
    shown === undefined
      ? peak === 0
        ? 'Nothing waits'
        : `${compact(stage.lag)} wait, ${compact(peak)} in the worst`
      : `Partition ${shown.partition}: ${plural(shown.lag, 'row')} behind`
  return html`<figure class="chart">
    <figcaption><b>Rows that wait, by partition</b><span class="legend">${told}</span></figcaption>
    <div ref=${ref} class="plot" style=${{ minHeight: isBars ? `${height}px` : `${cellPx * 2}px` }}>
      <div class="walked" role="slider" tabindex="0" aria-label="Rows that wait, by partition" aria-valuemin="0"
        aria-valuemax=${Math.max(0, sorted.length - 1)} aria-valuenow=${at ?? 0} aria-valuetext=${told}
        onKeyDown=${walk} onBlur=${() => setAt(undefined)}
        onPointerMove=${point} onPointerLeave=${() => setAt(undefined)}>
      ${isBars ? bars() : cells()}
      </div>
    </div>
    <details><summary>As a table</summary>
      <${Table} caption=${`Partitions of ${stage.stage}`} file=${`lag-${stage.stage}`} rows=${rows}
        keyOf=${(row: Row) => row.partition} sortedBy="rows that wait" isDescending columns=${[
          { name: 'partition', isNumber: true, value: (row: Row) => row.partition },
          { name: 'rows that wait', isNumber: true, value: (row: Row) => row.lag, show: (row: Row) => count(row.lag) },
          {
            name: 'position',
            isNumber: true,
            value: (row: Row) => row.committed,
            show: (row: Row) => (row.committed < 0 ? '–' : count(row.committed)),
          },
          { name: 'end', isNumber: true, value: (row: Row) => row.end, show: (row: Row) => count(row.end) },
        ]} />
    </details>
  </figure>`

  function bars() {
    const step = width / Math.max(1, sorted.length)
    const gap = step > 6 ? 2 : 0.5
    return html`<svg width=${width} height=${height} aria-hidden="true">
      <path class="grid" d=${`M0 ${height - 0.5}h${width}`} />
      ${sorted.map(({ partition, lag }, i) => {
        const size = lag === 0 ? 1 : Math.max(3, (lag / peak) * (height - 8))
        return html`<rect key=${partition} class=${classes('bar', lag === 0 && 'none', at === i && 'chosen')}
          x=${i * step} y=${height - size} width=${Math.min(40, Math.max(1, step - gap))} height=${size} rx="1" />`
      })}
    </svg>`
  }

  /** Five shades: more cannot be told apart. */
  function cells() {
    const shade = (lag: number) =>
      lag === 0 ? 0 : 1 + Math.min(3, Math.floor((4 * Math.log1p(lag)) / Math.log1p(Math.max(peak, leastPeak))))
    const groups = Map.groupBy(sorted, ({ lag }) => shade(lag))
    const place = (i: number) =>
      `M${(i % perLine) * cellPx} ${Math.floor(i / perLine) * cellPx}h${cellPx - 2}v${cellPx - 2}h-${cellPx - 2}z`
    return html`<svg width=${width} height=${Math.ceil(sorted.length / perLine) * cellPx} aria-hidden="true">
      ${[0, 1, 2, 3, 4].map((each) => {
        const path = (groups.get(each) ?? []).map(({ partition }) => place(partition)).join('')
        return html`<path key=${each} class=${`shade s${each}`} d=${path} />`
      })}
      ${at !== undefined && html`<path class="ring" d=${place(Math.min(at, sorted.length - 1))} />`}
    </svg>`
  }
}
