import { useEffect, useRef, useState } from 'preact/hooks'
import type { Letter, LetterGlance, Letters } from '../api.ts'
import { classes, html } from './dom.ts'
import { cell, clock, count, percent, plural, time, zone } from './format.ts'
import { type Live, postJson, useJson } from './live.ts'
import { Ago, Copy, Empty, Problem, useWidth, Waiting } from './parts.ts'
import { go, pathTo, type Route } from './route.ts'
import { type Column, Table } from './table.ts'

/** Rows that could not be processed: why, when, and one of them open. */
export function LettersPage({
  dataset,
  live: { names, flow },
  route,
  mayChange,
}: {
  dataset: string
  live: Live
  route: Route
  mayChange: boolean
}) {
  const [partition, offset] = route.rest
  const code = route.query.get('code') ?? undefined
  const letters = useJson<Letters>(`/api/d/${dataset}/letters`)
  const { data, error } = letters
  if (error !== undefined) return html`<${Problem} error=${error} />`
  if (data === undefined) return html`<${Waiting}>Reading the dead letters<//>`
  if (data.rows === 0)
    return html`<${Empty} title="There are no dead letters">${
      data.isThere ? 'Every row could be processed.' : 'Normalize makes their topic at its first start.'
    } A row that cannot be processed would come here, with its reason.<//>`
  const fresh = Math.max(0, (flow?.deadLetters?.rows ?? 0) - data.rows)
  const rawTopic = names?.topics.raw
  const listed = data.letters.filter((each) => code === undefined || each.code === code)
  const choose = (each: LetterGlance) =>
    go(pathTo(dataset, 'dead-letters', [each.partition, each.offset], { code }), true)
  const chosen = partition === undefined ? undefined : `${partition}/${offset}`
  const columns: readonly Column<LetterGlance>[] = [
    {
      name: 'time',
      value: ({ timestampMs }) => timestampMs,
      show: ({ timestampMs }) => html`<time title=${`${time(timestampMs)}, ${zone()}`}>${clock(timestampMs)}</time>`,
    },
    { name: 'code', value: (row) => row.code || 'no code' },
    { name: 'reason', value: ({ reason }) => reason, isWide: true },
    { name: 'key', value: ({ key }) => key ?? '', isWide: true },
    { name: 'from', value: (row) => `${row.sourceTopic}/${row.sourcePartition}`, isWide: true },
    {
      name: 'at',
      isNumber: true,
      value: ({ sourceOffset }) => sourceOffset,
      show: ({ sourceOffset }) => count(sourceOffset),
    },
  ]
  return html`<div class="page letters-page">
    <section class="headline"><h1>${data.isAll ? '' : 'More than '}${plural(data.rows, 'dead letter')}</h1><span
      class="tools">
      ${
        fresh > 0 &&
        html`<button type="button" class="fresh"
        onClick=${letters.reload}>${plural(fresh, 'new one')}</button>`
      }
      ${
        mayChange &&
        html`<${Retry} dataset=${dataset} rawTopic=${rawTopic}
          what=${code === undefined ? plural(data.rows, 'dead letter') : `all with ${code}`}
          body=${code === undefined ? {} : { codes: [code] }} onDone=${letters.reload} />`
      }
    </span></section>
    <div class="letters-top">
      <${Codes} data=${data} dataset=${dataset} code=${code} />
      <${Times} data=${data} code=${code} />
    </div>
    ${
      partition !== undefined &&
      offset !== undefined &&
      html`<${OneLetter} key=${chosen} dataset=${dataset} rawTopic=${rawTopic}
        partition=${partition} offset=${offset} mayChange=${mayChange} />`
    }
    <${Table} caption=${code === undefined ? 'The newest' : `The newest with ${code}`} file="dead-letters"
      rows=${listed} keyOf=${(row: LetterGlance) => `${row.partition}/${row.offset}`}
      columns=${columns} chosen=${chosen} onChoose=${choose} shown=${25} />
  </div>`
}

function Codes({ data, dataset, code }: { data: Letters; dataset: string; code: string | undefined }) {
  const peak = Math.max(...data.codes.map(({ rows }) => rows))
  const all = data.codes.reduce((sum, { rows }) => sum + rows, 0)
  return html`<section class="card" aria-label="Reasons"><div class="card-head">
    <h2>Reasons</h2>${code !== undefined && html`<a href=${pathTo(dataset, 'dead-letters')}>all</a>`}</div>
    <ul class="codes">${data.codes.map(
      (each, i) => html`<li key=${each.code}><a class=${classes('code', code === each.code && 'chosen')}
        aria-current=${code === each.code ? 'true' : undefined}
        href=${pathTo(dataset, 'dead-letters', [], { code: each.code })}>
        <span class="code-name">${each.code || 'no code'}</span><span class="number">${count(each.rows)}</span><span
          class="number share">${percent(each.rows / all)}</span>
        <span class=${`code-bar m${i % 10}`} style=${{ width: `${(100 * each.rows) / peak}%` }}></span></a></li>`,
    )}</ul></section>`
}

function Times({ data, code }: { data: Letters; code: string | undefined }) {
  const [ref, width] = useWidth<HTMLDivElement>(320)
  if (data.times === undefined) return null
  const { fromMs, stepMs, counts } = data.times
  const shown = counts.map((row, i) => (code === undefined || data.codes[i].code === code ? row : row.map(() => 0)))
  const sums = shown[0].map((_, t) => shown.reduce((sum, row) => sum + row[t], 0))
  const [peak, height] = [Math.max(1, ...sums), 96]
  const step = width / sums.length
  const toMs = fromMs + stepMs * sums.length
  type Row = { ms: number; rows: number }
  const rows = sums.map((n, i): Row => ({ ms: fromMs + i * stepMs, rows: n })).filter((row) => row.rows > 0)
  return html`<section class="card" aria-label="When"><div class="card-head"><h2>When</h2></div>
    <div ref=${ref} class="plot" style=${{ height: `${height + 24}px` }}><svg width=${width} height=${height + 24}
      role="img" aria-label=${`Dead letters from ${time(fromMs)} to ${time(toMs)}`}>
      <path class="grid" d=${`M0 ${height}h${width}`} />
      ${sums.map((_, t) => {
        let top = height
        return shown.map((row, i) => {
          const size = (row[t] / peak) * (height - 4)
          if (size === 0) return null
          top -= Math.max(1, size)
          return html`<rect key=${`${t}/${i}`} class=${`stack m${i % 10}`} x=${t * step} y=${top}
            width=${Math.max(1, step - 1)} height=${Math.max(1, size)} />`
        })
      })}
      <text x="0" y=${height + 18}>${time(fromMs)}</text><text x=${width} y=${height + 18}
        text-anchor="end">${width < 420 ? clock(toMs) : time(toMs)}</text>
    </svg></div>
    <details><summary>As a table</summary><${Table} caption="Dead letters by time" file="dead-letters-by-time"
      rows=${rows} keyOf=${(row: Row) => row.ms} columns=${[
        { name: 'from', value: (row: Row) => row.ms, show: (row: Row) => time(row.ms) },
        { name: 'rows', isNumber: true, value: (row: Row) => row.rows, show: (row: Row) => count(row.rows) },
      ]} /></details></section>`
}

function OneLetter({
  dataset,
  rawTopic,
  partition,
  offset,
  mayChange,
}: {
  dataset: string
  rawTopic: string | undefined
  partition: string
  offset: string
  mayChange: boolean
}) {
  const { data: letter, error } = useJson<Letter>(`/api/d/${dataset}/letter/${partition}/${offset}`)
  if (error !== undefined) return html`<${Problem} error=${error} />`
  if (letter === undefined) return html`<${Waiting}>Reading the dead letter<//>`
  const { failure, headers, fields, problem, failing, valueHex } = letter
  const code = failure['vgm.error.code'] ?? ''
  const source = failure['vgm.source.topic'] ?? ''
  const [from, at] = [failure['vgm.source.partition'], failure['vgm.source.offset']]
  return html`<article class="card letter" aria-label=${`Dead letter ${partition}/${offset}`}>
    <div class="card-head"><h2>${code}</h2><span class="tools">
      ${
        mayChange &&
        html`<${Retry} dataset=${dataset} rawTopic=${rawTopic} what="this one"
        body=${{ partition: Number(partition), offset: Number(offset) }} onDone=${() => undefined} />`
      }
      <${Copy} text=${() => location.href} label="Copy link to the dead letter">Copy link<//><${Copy}
        text=${() => JSON.stringify(letter, null, 2)} label="Copy the dead letter as JSON">JSON<//></span></div>
    <p class="reason" dir="auto">${failure['vgm.error.message']}</p>
    <dl class="facts">
      <div><dt>when</dt><dd>${time(letter.timestampMs)}, <${Ago} ms=${letter.timestampMs} /></dd></div>
      <div><dt>from</dt><dd class="long">${
        source === rawTopic
          ? html`<a
        href=${pathTo(dataset, 'rows', [Number(from), Number(at)])}>${source}/${from}, offset ${at}</a>`
          : `${source}/${from}, offset ${at}`
      }</dd></div>
      <div><dt>key</dt><dd class="long" dir="auto">${letter.key ?? 'none'}</dd></div>
      <div><dt>schema</dt><dd>${letter.schemaId === undefined ? 'none' : String(letter.schemaId)}</dd></div>
    </dl>
    <div class="halves">
      <section><h3>${failing === undefined ? 'Fields' : 'Fields, as far as they can be decoded'}</h3>
        ${
          problem !== undefined &&
          html`<p class="problem-cell">${problem}${failing === undefined ? '' : `: ${placeOf(failing)}`}.</p>`
        }
        ${
          fields !== undefined &&
          html`<div class="scroll" role="region" tabindex="0" aria-label="Fields"><table><tbody>${Object.entries(
            fields,
          ).map(
            ([name, value]) =>
              html`<tr key=${name}><th scope="row" dir="auto" class="wide" title=${name}>${name}</th><td class="wide"
                dir="auto">${cell(value)}</td></tr>`,
          )}</tbody></table></div>`
        }
      </section>
      <section><h3>Bytes</h3>${
        valueHex === undefined
          ? html`<p
        class="none">A tombstone: the value is null.</p>`
          : html`<${Hex} hex=${valueHex}
          failing=${failing?.byte} />`
      }</section>
    </div>
    <details open=${Object.keys(headers).length > 0}><summary>Headers</summary><div class="scroll" role="region"
      tabindex="0" aria-label="Headers"><table><tbody>${[...Object.entries(headers), ...Object.entries(failure)].map(
        ([name, value]) =>
          html`<tr key=${name}><th scope="row" dir="auto">${name}</th><td class="wide" dir="auto"
          title=${value}>${value}</td></tr>`,
      )}</tbody></table></div></details>
  </article>`
}

function placeOf({ field, byte }: NonNullable<Letter['failing']>): string {
  return field === undefined
    ? `bytes follow its last field, from byte ${byte} on`
    : `field ${field}, from byte ${byte} on`
}

const hexLine = 16
const mostHexLines = 64

/** Bytes as hex and text; what cannot be decoded is marked. */
function Hex({ hex, failing }: { hex: string; failing: number | undefined }) {
  const bytes = hex.match(/../g) ?? []
  const first = Math.max(0, Math.floor((failing ?? 0) / hexLine) - mostHexLines / 2)
  const lines = Array.from(
    { length: Math.min(mostHexLines, Math.ceil(bytes.length / hexLine) - first) },
    (_, i) => (first + i) * hexLine,
  )
  return html`<div class="hex scroll" role="region" tabindex="0" aria-label="Bytes as hex and text"><pre>${lines.map(
    (at) => {
      const part = bytes.slice(at, at + hexLine)
      const good = failing === undefined ? part.length : Math.min(part.length, Math.max(0, failing - at))
      const text = part.map((byte) =>
        byte >= '20' && byte < '7f' ? String.fromCharCode(Number.parseInt(byte, 16)) : '·',
      )
      const gap = ' '.repeat(2 + Math.max(0, 3 * (hexLine - part.length)))
      const [hexGood, hexBad] = [part.slice(0, good).join(' '), part.slice(good).join(' ')]
      const space = hexGood !== '' && hexBad !== '' ? ' ' : ''
      return html`<span key=${at}><span class="at">${at.toString(16).padStart(6, '0')}</span>${`  ${hexGood}${space}`}${
        hexBad !== '' && html`<mark>${hexBad}</mark>`
      }${gap}${text.slice(0, good).join('')}${hexBad !== '' && html`<mark>${text.slice(good).join('')}</mark>`}</span>`
    },
  )}</pre>${
    bytes.length > mostHexLines * hexLine &&
    html`<p
    class="none">${count(bytes.length)} bytes; ${mostHexLines} lines are shown.</p>`
  }</div>`
}

/** Asks before it sends rows again, and says what will happen. */
function Retry({
  dataset,
  rawTopic,
  what,
  body,
  onDone,
}: {
  dataset: string
  rawTopic: string | undefined
  what: string
  body: unknown
  onDone: () => void
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [told, setTold] = useState('')
  useEffect(() => setTold(''), [what])
  const send = () =>
    void postJson<{ rowsOut: number }>(`/api/d/${dataset}/retry`, body).then(
      (report) => {
        dialog.current?.close()
        setTold(`${plural(report.rowsOut, 'row')} sent again`)
        onDone()
      },
      (error: Error) => setTold(error.message),
    )
  return html`<button type="button" onClick=${() => dialog.current?.showModal()}>Retry ${what}</button><span
    role="status">${told}</span>
    <dialog ref=${dialog} aria-label="Retry dead letters"><h2>Retry ${what}?</h2>
      <p>Each row is written to <bdi>${rawTopic ?? 'the raw topic'}</bdi> again, as it was, once: those that were
        retried before are left out. Normalize then processes it like a new row. A row that fails again becomes a new
        dead letter.</p>
      <p class="dialog-end"><button type="button" class="quiet"
        onClick=${() => dialog.current?.close()}>Cancel</button><button type="button" class="main"
          onClick=${send}>Retry</button></p></dialog>`
}
