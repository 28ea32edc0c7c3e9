import { useMemo, useState } from 'preact/hooks'
import { type Child, classes, html } from './dom.ts'
import { count } from './format.ts'
import { Copy, download } from './parts.ts'

export interface Column<R> {
  readonly name: string
  /** by which rows are sorted, and as which they are copied */
  readonly value: (row: R) => string | number | undefined
  /** what is shown, unless it is that value */
  readonly show?: ((row: R) => Child) | undefined
  readonly isNumber?: boolean
  /** a name rather than a number: it may be cut */
  readonly isWide?: boolean
}

interface TableProps<R> {
  readonly caption: string
  readonly columns: readonly Column<R>[]
  readonly rows: readonly R[]
  readonly keyOf: (row: R) => string | number
  /** [as given] */
  readonly sortedBy?: string
  readonly isDescending?: boolean
  /** more are shown when asked for [25] */
  readonly shown?: number
  readonly chosen?: string | number | undefined
  readonly onChoose?: (row: R) => void
  /** of the file that it is handed over as */
  readonly file?: string
  readonly empty?: string
}

/** A table that can be sorted, walked by keys, copied and taken along. */
export function Table<R>(props: TableProps<R>) {
  const { caption, columns, rows, keyOf, shown = 25, chosen, onChoose, file, empty = 'None' } = props
  const [sort, setSort] = useState({ name: props.sortedBy, isDescending: props.isDescending ?? false })
  const [isWhole, setWhole] = useState(false)
  const column = columns.find(({ name }) => name === sort.name)
  const sorted = useMemo(() => {
    if (column === undefined) return rows
    const sign = sort.isDescending ? -1 : 1
    return rows.toSorted((a, b) => sign * compared(column.value(a), column.value(b)))
  }, [rows, column, sort.isDescending])
  const visible = isWhole ? sorted : sorted.slice(0, shown)

  const sortBy = ({ name, isNumber }: Column<R>) =>
    setSort((before) => ({
      name,
      isDescending: before.name === name ? !before.isDescending : isNumber === true,
    }))

  const walk = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: Number.NEGATIVE_INFINITY, End: Number.POSITIVE_INFINITY }[event.key]
    if (onChoose === undefined || step === undefined || visible.length === 0) return
    event.preventDefault()
    const at = visible.findIndex((row) => keyOf(row) === chosen)
    const next = Math.min(visible.length - 1, Math.max(0, at + step))
    onChoose(visible[next])
    const body = (event.currentTarget as HTMLElement).querySelector('tbody')
    body?.rows[next]?.scrollIntoView({ block: 'nearest' })
  }

  const lines = (separator: string, quote: (text: string) => string) =>
    [columns.map(({ name }) => name), ...sorted.map((row) => columns.map(({ value }) => String(value(row) ?? '')))]
      .map((cells) => cells.map(quote).join(separator))
      .join('\n')
  const asText = () => lines('\t', (text) => text.replace(/[\t\n]/g, ' '))
  const asCsv = () => lines(',', csvCell)

  return html`<div class="table">
    <div class="table-head">
      <b>${caption}</b>
      ${
        file !== undefined &&
        rows.length > 0 &&
        html`<span class="tools">
          <${Copy} text=${asText} label=${`Copy the table: ${caption}`} />
          <button type="button" class="quiet" aria-label=${`Download as CSV: ${caption}`}
            onClick=${() => download(`${file}.csv`, 'text/csv', asCsv())}>CSV</button>
        </span>`
      }
    </div>
    ${
      rows.length === 0
        ? html`<p class="none">${empty}</p>`
        : html`<div class="scroll" role="region" aria-label=${caption} tabindex="0" onKeyDown=${walk}>
      <table>
        <thead><tr>${columns.map(
          (each) => html`<th key=${each.name} scope="col" class=${classes(each.isNumber && 'number')}
            aria-sort=${sort.name !== each.name ? 'none' : sort.isDescending ? 'descending' : 'ascending'}>
            <button type="button" onClick=${() => sortBy(each)}>${each.name}<span class="sort" aria-hidden="true">${
              sort.name !== each.name ? '' : sort.isDescending ? '↓' : '↑'
            }</span></button></th>`,
        )}</tr></thead>
        <tbody>${visible.map((row) => {
          const key = keyOf(row)
          return html`<tr key=${key} class=${classes(onChoose && 'choosable', chosen === key && 'chosen')}
            aria-current=${chosen === key ? 'true' : undefined}
            onClick=${onChoose && (() => onChoose(row))}>${columns.map(
              (each) => html`<td key=${each.name} class=${classes(each.isNumber && 'number', each.isWide && 'wide')}
                dir=${each.isNumber ? undefined : 'auto'}
                title=${each.isWide ? String(each.value(row) ?? '') : undefined}>
                ${(each.show ?? each.value)(row)}</td>`,
            )}</tr>`
        })}</tbody>
      </table>
    </div>`
    }
    ${
      sorted.length > shown &&
      html`<button type="button" class="quiet more" onClick=${() => setWhole(!isWhole)}>${
        isWhole ? `Show the first ${count(shown)}` : `Show all ${count(sorted.length)}`
      }</button>`
    }
  </div>`
}

function compared(a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a).localeCompare(String(b), 'en', { numeric: true })
}

/** With an apostrophe before what a spreadsheet would take for a formula. */
function csvCell(text: string): string {
  const safe = /^[=@\t]|^[+-](?![\d.]+$)/.test(text) ? `'${text}` : text
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
