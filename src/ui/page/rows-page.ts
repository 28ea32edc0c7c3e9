import { useMemo, useState } from 'preact/hooks'
import type { Rows, SeenRow } from '../api.ts'
import { classes, html } from './dom.ts'
import { cell, clock, count, number, plural, shortCell, time, zone } from './format.ts'
import { getJson, type Live, type RequestError, useJson } from './live.ts'
import { Ago, Copy, download, Empty, Mode, Problem, State, useLater, Waiting, wholeAfterMs } from './parts.ts'
import { go, pathTo, type Route } from './route.ts'

const pageRows = 50
/** As many as a wide screen has room for. */
const columnsAtFirst = 32
/** Rows before the one of a link. */
const rowsBefore = 10

type Row = Rows['rows'][number]

interface Pair {
  readonly value: number | string
  readonly mode: number
}

/** Raw rows, and what became of them. */
export function RowsPage({ dataset, live, route }: { dataset: string; live: Live; route: Route }) {
  const { names, flow } = live
  const partition = Number(route.rest[0] ?? 0)
  const chosen = route.rest[1] === undefined ? undefined : Number(route.rest[1])
  const from = route.query.get('from') ?? (chosen === undefined ? undefined : String(Math.max(0, chosen - rowsBefore)))
  const query = new URLSearchParams({
    partition: String(partition),
    rows: String(pageRows),
    ...(from !== undefined && { offset: from }),
  })
  const { data, error, reload } = useJson<Rows>(`/api/d/${dataset}/rows?${query}`)
  if (flow !== undefined && flow.topics.raw === undefined)
    return html`<${Empty} title=${`Data set ${dataset} has no rows yet`}
      command=${names?.commands.load}>
      A file, or a producer of your own, fills the topic ${names?.topics.raw}.<//>`
  if (error !== undefined) return html`<${Problem} error=${error} />`
  if (data === undefined) return html`<${Waiting}>Reading rows, and looking for their counterparts<//>`
  const { rows } = data
  const done = flow?.stages[0].committed[partition] ?? -1
  const fresh = from === undefined && data.normalizedTo !== undefined ? Math.max(0, done - data.normalizedTo) : 0
  const begin = rows[0]?.raw.offset ?? data.low
  const to = (offset: number) => pathTo(dataset, 'rows', [partition], { from: Math.max(data.low, offset) })
  const end = (rows.at(-1)?.raw.offset ?? begin) + 1
  const select = ({ raw }: Row) => go(pathTo(dataset, 'rows', [partition, raw.offset], { from: from ?? begin }), true)
  const row = rows.find(({ raw }) => raw.offset === chosen)
  return html`<div class="page rows-page"><h1 class="sr">Rows</h1>
    <${Finder} dataset=${dataset} partition=${partition} data=${data} />
    <div class="bar">
      <span class="facts-line">
        <span>${rows.length === 0 ? 'No rows here' : `offsets ${count(begin)} to ${count(end - 1)}`}</span>
          <span>of ${count(data.low)} to ${count(data.high)}</span><span>times in ${zone()}</span></span>
      <span class="tools">
        ${fresh > 0 && html`<button type="button" class="fresh" onClick=${reload}>${plural(fresh, 'new row')}</button>`}
        <a class=${classes('button', begin <= data.low && 'off')} href=${to(begin - pageRows)}>Older</a>
        <a class=${classes('button', end >= data.high && 'off')} href=${to(end)}>Newer</a>
        <a class="button" href=${pathTo(dataset, 'rows', [partition])}>Newest</a>
      </span>
    </div>
    ${
      rows.length === 0
        ? html`<${Empty} title="No rows stand here"
          command=${data.high === 0 ? names?.commands.load : undefined}>${
            data.high === 0
              ? 'The partition is empty.'
              : 'What is left of this partition is a transaction marker, or rows that were rolled back.'
          }<//>`
        : html`<div class=${classes('rows-split', row !== undefined && 'open')}>
          <${RowTable} dataset=${dataset} rows=${rows} chosen=${chosen} onChoose=${select} />
          ${
            row !== undefined &&
            html`<${OneRow} dataset=${dataset} partition=${partition} row=${row}
            normalizedTo=${data.normalizedTo} />`
          }
        </div>`
    }
  </div>`
}

function Finder({ dataset, partition, data }: { dataset: string; partition: number; data: Rows }) {
  const [told, setTold] = useState('')
  const find = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const [what, text] = [String(form.get('what')), String(form.get('text')).trim()]
    setTold('')
    if (text === '') return
    if (what === 'offset')
      return /^\d+$/.test(text)
        ? go(pathTo(dataset, 'rows', [partition, Number(text)]))
        : setTold('An offset is a whole number')
    const at = what === 'time' ? new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text).getTime() : undefined
    if (Number.isNaN(at)) return setTold('Write a time as 2026-11-29 10:30')
    setTold('Looking for it')
    try {
      const asked = new URLSearchParams(at === undefined ? { key: text } : { at: String(at) })
      const found = await getJson<{ partition: number; offset: number } | null>(`/api/d/${dataset}/find?${asked}`)
      setTold(found === null ? (what === 'key' ? 'Not among the newest million offsets' : 'No row is as new') : '')
      if (found !== null) go(pathTo(dataset, 'rows', [found.partition, found.offset]))
    } catch (error) {
      setTold((error as RequestError).message)
    }
  }
  return html`<form class="finder-bar" onSubmit=${find} role="search">
    <label>partition <select value=${String(partition)}
      onChange=${(event: Event) => go(pathTo(dataset, 'rows', [(event.currentTarget as HTMLSelectElement).value]))}>
      ${Array.from(
        { length: Math.max(data.partitions, partition + 1) },
        (_, i) => html`<option key=${i}
        value=${String(i)}>${i}</option>`,
      )}</select></label>
    <label><span class="sr">Find by</span><select name="what"><option value="offset">offset</option><option
      value="key">key</option><option value="time">time</option></select></label>
    <input type="search" name="text" data-find aria-label="What to find" placeholder="Find a row  ( / )"
      autocomplete="off" />
    <button type="submit">Find</button>
    <span role="status" class="told">${told}</span>
  </form>`
}

function isPair(value: unknown): value is Pair {
  return typeof value === 'object' && value !== null && 'value' in value && 'mode' in value
}

function namesOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap(({ raw }) => Object.keys(raw.fields ?? {})))]
}

/** Whether its head stands to the right, as its numbers do. */
function isNumeric(rows: readonly Row[], name: string): boolean {
  return rows.some(({ raw }) => typeof raw.fields?.[name] === 'number')
}

/** Whether restored is what raw was. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function RowTable({
  dataset,
  rows,
  chosen,
  onChoose,
}: {
  dataset: string
  rows: readonly Row[]
  chosen: number | undefined
  onChoose: (row: Row) => void
}) {
  const all = useMemo(() => namesOf(rows), [rows])
  const isWhole = useLater(wholeAfterMs)
  const names = isWhole ? all : all.slice(0, columnsAtFirst)
  // The page is drawn again each second, and these stay.
  const cells = useMemo(() => rows.map(cellsOf), [rows, isWhole, dataset])
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const at = rows.findIndex(({ raw }) => raw.offset === chosen)
    const next = Math.min(rows.length - 1, Math.max(0, at + step))
    onChoose(rows[next])
    ;(event.currentTarget as HTMLElement).querySelector('tbody')?.rows[next]?.scrollIntoView({ block: 'nearest' })
  }
  const asCsv = () =>
    [
      ['offset', 'time', 'key', ...all],
      ...rows.map(({ raw }) => [
        raw.offset,
        new Date(raw.timestampMs).toISOString(),
        raw.key ?? '',
        ...all.map((name) => cell(raw.fields?.[name])),
      ]),
    ]
      .map((line) =>
        line
          .map((value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value))
          .join(','),
      )
      .join('\n')
  return html`<div class="table"><div class="table-head"><b>Rows</b><span class="tools">
      <button type="button" class="quiet" aria-label="Download the rows as CSV"
        onClick=${() => download(`${dataset}-rows.csv`, 'text/csv', asCsv())}>CSV</button></span></div>
    <div class="scroll tall" role="region" aria-label="Rows" tabindex="0" onKeyDown=${walk}>
    <table class="rows">
      <thead><tr><th scope="col" class="number">offset</th><th scope="col">time</th><th scope="col">key</th><th
        scope="col">state</th>${names.map(
          (name) =>
            html`<th key=${name} scope="col" class=${classes(isNumeric(rows, name) && 'number')} dir="auto"
            title=${name}><span class="cut">${name}</span></th>`,
        )}</tr></thead>
      <tbody>${rows.map((row, i) => {
        const { offset } = row.raw
        return html`<tr key=${offset} class=${classes('choosable', chosen === offset && 'chosen')}
          aria-current=${chosen === offset ? 'true' : undefined} onClick=${() => onChoose(row)}>${cells[i]}</tr>`
      })}</tbody>
    </table></div></div>`

  function cellsOf(row: Row) {
    const { raw } = row
    return html`<td class="number">${count(raw.offset)}</td>
      <td title=${`${time(raw.timestampMs)}, ${zone()}`}>${clock(raw.timestampMs)}</td>
      <td class="wide" dir="auto" title=${raw.key ?? undefined}>${raw.key ?? html`<i class="null">none</i>`}</td>
      <td>${stateOf(row)}</td>
      ${
        raw.fields === undefined
          ? html`<td colspan=${Math.max(1, names.length)} class="problem-cell">${raw.problem}</td>`
          : names.map((name) => fieldOf(row, name))
      }`
  }

  function fieldOf({ raw, normalized, restored }: Row, name: string) {
    const value = raw.fields?.[name]
    const pair = normalized?.fields?.[name]
    const differs = restored !== undefined && !isSame(value, restored.fields?.[name])
    return html`<td key=${name} dir="auto"
      class=${classes(typeof value === 'number' && 'number', 'wide', differs && 'differs')}
      title=${differs ? `restored as ${cell(restored?.fields?.[name])}` : undefined}>${shown(value)}${
        isPair(pair) &&
        html` <${Mode} mode=${pair.mode} href=${pathToValue(dataset, normalized, name, value)}
          title=${`${number(Number(pair.value))} of mode ${pair.mode}`} />`
      }${differs && html` <span class="sign" aria-label="restored differently">≠</span>`}</td>`
  }

  function stateOf({ normalized, restored, deadLetter }: Row) {
    if (deadLetter !== undefined) return html`<${State} state="bad">dead letter<//>`
    if (restored !== undefined) return html`<${State} state="good">restored<//>`
    if (normalized !== undefined) return html`<${State} state="good">normalized<//>`
    return html`<${State} state="idle">raw<//>`
  }
}

function shown(value: unknown) {
  return value === null || value === undefined
    ? html`<i class="null">null</i>`
    : html`<span title=${typeof value === 'number' ? String(value) : undefined}>${shortCell(value)}</span>`
}

/** Where a model's column shows a value, as it was normalized. */
function pathToValue(dataset: string, normalized: SeenRow | undefined, name: string, value: unknown): string {
  const version = String(normalized?.fields?.model_version ?? 'current')
  return pathTo(dataset, 'models', [version, name], { x: String(value) })
}

function OneRow({
  dataset,
  partition,
  row,
  normalizedTo,
}: {
  dataset: string
  partition: number
  row: Row
  normalizedTo: number | undefined
}) {
  const { raw, normalized, restored, deadLetter } = row
  const names = [...new Set([...Object.keys(raw.fields ?? {}), ...Object.keys(normalized?.fields ?? {})])]
  const place = (name: string, seen: SeenRow | undefined, why: string) =>
    html`<div><dt>${name}</dt><dd>${seen === undefined ? why : `offset ${count(seen.offset)}`}</dd></div>`
  const isWaiting = normalizedTo === undefined || raw.offset >= normalizedTo
  const whyNot = deadLetter !== undefined ? 'a dead letter' : isWaiting ? 'not yet' : 'not found near its place'
  const restoredCell = (name: string, value: unknown, differs: boolean) => {
    if (!(name in (restored?.fields ?? {}))) return ''
    if (!differs) return html`<span class="same">same</span>`
    return html`${shown(value)} <span class="sign" aria-label="differs">≠</span>`
  }
  const asText = () => JSON.stringify({ partition, ...row }, null, 2)
  return html`<aside class="card one-row" aria-label=${`Row at offset ${raw.offset}`}>
    <div class="card-head"><h2>Partition ${partition}, offset ${count(raw.offset)}</h2><span class="tools">
      <${Copy} text=${() => location.href} label="Copy link to the row">Copy link<//><${Copy} text=${asText}
        label="Copy the row as JSON">JSON<//></span></div>
    <dl class="facts">
      <div><dt>time</dt><dd>${time(raw.timestampMs)}, <${Ago} ms=${raw.timestampMs} /></dd></div>
      <div><dt>key</dt><dd class="long" dir="auto">${raw.key ?? 'none'}</dd></div>
      ${place('normalized', normalized, whyNot)}
      ${place('restored', restored, 'not yet, or not found')}
      ${
        normalized?.fields?.model_version !== undefined &&
        html`<div><dt>model</dt>
        <dd>v${cell(normalized.fields.model_version)}</dd></div>`
      }
    </dl>
    ${
      deadLetter !== undefined &&
      html`<p><a
      href=${pathTo(dataset, 'dead-letters', [partition, deadLetter])}>Open the dead letter</a></p>`
    }
    ${raw.problem !== undefined && html`<p class="problem-cell">${raw.problem}</p>`}
    <div class="scroll" role="region" tabindex="0" aria-label="Fields"><table>
      <thead><tr><th scope="col">field</th><th scope="col" class="number">raw</th><th scope="col"
        class="number">normalized</th><th scope="col" class="number">restored</th></tr></thead>
      <tbody>${names.map((name) => {
        const [a, b, c] = [raw.fields?.[name], normalized?.fields?.[name], restored?.fields?.[name]]
        const differs = restored !== undefined && name in (raw.fields ?? {}) && !isSame(a, c)
        return html`<tr key=${name}><th scope="row" dir="auto" class="wide" title=${name}>${name}</th>
          <td class="number wide" dir="auto">${raw.fields !== undefined && name in raw.fields ? shown(a) : ''}</td>
          <td class="number">${
            normalized === undefined
              ? ''
              : isPair(b)
                ? html`${number(Number(b.value), 6)} <${Mode} mode=${b.mode}
                    href=${pathToValue(dataset, normalized, name, a)} title=${`mode ${b.mode} of ${name}`} />`
                : isSame(a, b)
                  ? html`<span class="same">same</span>`
                  : shown(b)
          }</td>
          <td class=${classes('number wide', differs && 'differs')}
            dir="auto">${restoredCell(name, c, differs)}</td></tr>`
      })}</tbody>
    </table></div>
  </aside>`
}
