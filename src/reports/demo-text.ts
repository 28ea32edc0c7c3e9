import { basename } from 'node:path'
import { defaultModelsTopic } from '../config/names.ts'
import { countText } from '../count-text.ts'
import { smallPlot } from '../drawing/model-plot.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import type { Model } from '../model/model.ts'
import { printableLine } from '../observe/printable-text.ts'
import { formatSpeed, textTable } from '../observe/report-text.ts'
import { columnHints } from '../pipeline/column-hints.ts'
import type { FieldBeforeAfter } from '../pipeline/row-before-after.ts'
import type { DemoFit, DemoReport, DemoStepReport } from '../pipeline/run-demo.ts'
import type { PlainType } from '../stages/verify/row-types.ts'
import { hintLines, modeText, notModelledText } from './fit-text.ts'
import { modelResult } from './model-text.ts'
import { listed } from './text-parts.ts'

/** What `vgm demo --json` prints; a contract. */
export function demoResult(demo: DemoReport) {
  const { rows, normalized, restored, deadLetters, mismatches, model, seconds, rowsPerSecond } = demo
  const counts = { rows, normalized, restored, deadLetters, mismatches }
  return { ...counts, model: modelResult(model), seconds, rowsPerSecond }
}

/** @example demoStepText(step) // 'load        2.1 s   1.4M/s  3,000,000 rows of flights.parquet in flights.raw' */
export function demoStepText(done: DemoStepReport): string {
  const { step, rows, seconds } = done
  const speed = formatSpeed(rows / seconds)
  return `${step.padEnd(9)} ${seconds.toFixed(1).padStart(5)} s  ${speed.padStart(7)}  ${printableLine(workText(done))}`
}

/** What a step has done. */
function workText({ step, dataset, file, rows, sampled, fit }: DemoStepReport): string {
  if (step === 'load') return `${countText(rows)} rows of ${basename(file)} in ${dataset}.raw`
  if (step === 'sample') return `${countText(sampled)} of them in ${dataset}.sample`
  if (step === 'normalize') return `into ${dataset}.normalized, exactly once`
  if (step === 'restore') return `into ${dataset}.restored, exactly once`
  if (fit === undefined) return 'every row, by a stock client'
  const { version, columns } = fit.model
  const modes = columns.map(({ name, mean }) => `${name} ${mean.length}`)
  return `version ${version} in ${defaultModelsTopic}; modes: ${listed(modes, mostColumns, 'columns')}`
}

/** Columns whose modes are counted one by one. */
const mostColumns = 4

/** What is not modelled of a file, and what is worth a look. */
export function demoFindings({ model, leftOut, others }: DemoFit): string[] {
  return [...notModelledText(leftOut, others), ...hintLines(columnHints(model))]
}

/** Where a demo has run. */
export interface DemoPlace {
  readonly brokers: string
  readonly registry: string
  /** whether the cluster goes on running */
  readonly isKept: boolean
  /** whether the program is run from a checkout: there is no vgm on the PATH */
  readonly isCheckout: boolean
}

/** Fits a screen of 24 lines. */
export function demoText(demo: DemoReport, { brokers, registry, isKept, isCheckout }: DemoPlace): string {
  const { dataset, model, file, exported, row } = demo
  const { rows, normalized, restored, deadLetters, mismatches: wrong } = demo
  const verdict =
    wrong === 0
      ? `${countText(rows)} rows in, ${countText(normalized)} normalized, ${countText(restored)} restored, ` +
        `${countText(deadLetters)} dead letters:\nnone lost, doubled, reordered or wrong (${basename(file)}).`
      : `${countText(wrong)} faults: run "vgm verify --dataset ${dataset}" on this cluster to see them.`
  const next = isKept
    ? [
        `Still running: ${brokers}, registry ${registry}; "vgm down" ends it.`,
        `Next: vgm ui ${dataset} (in a browser), vgm model show --dataset ${dataset}, vgm lag --dataset ${dataset},`,
        `      vgm replay --dataset ${dataset} --from start --model ${model.version}`,
      ]
    : ['Next: vgm demo your-own.csv; --keep leaves the cluster running; vgm --help']
  if (isCheckout) next.push('Here: alias vgm="$PWD/node_modules/.bin/node $PWD/src/main.ts"')
  return [
    '',
    ...(drawn(model) === undefined ? [] : smallPlot(drawn(model)!, pictureRows)),
    ...modeText.trimEnd().split('\n'),
    '',
    ...(row === undefined ? [] : [rowText(row, model), '']),
    verdict,
    ...(exported === undefined ? [] : [`Normalized rows: ${exported}`]),
    ...next,
  ].join('\n')
}

const pictureRows = 3

/** The column that is drawn: of most modes. */
function drawn({ columns }: Model): ColumnModel | undefined {
  return columns.toSorted((a, b) => b.mean.length - a.mean.length)[0]
}

/** Fields of a row that are shown. */
const mostFields = 5

/** One row before and after: what is modelled first, if there is not room for all. */
function rowText(row: readonly FieldBeforeAfter[], { columns }: Model): string {
  const isModelled = ({ name }: FieldBeforeAfter) => columns.some((column) => column.name === name)
  const chosen = [...row.filter(isModelled), ...row.filter((field) => !isModelled(field))].slice(0, mostFields)
  const fields = row.filter((field) => chosen.includes(field))
  return textTable(
    ['one row', 'raw', 'normalized', 'restored'],
    fields.map(({ name, type, raw, normalized, restored }) => [
      cut(name),
      cut(valueText(raw, type)),
      isPair(normalized) ? `value ${normalized.value.toFixed(4)}, mode ${normalized.mode}` : 'unchanged: not modelled',
      cut(valueText(restored, type)),
    ]),
    { numbersRight: false },
  )
}

const isPair = (value: unknown): value is { readonly value: number; readonly mode: number } =>
  typeof value === 'object' && value !== null && 'mode' in value && 'value' in value

const cut = (text: string) => (text.length > 18 ? `${text.slice(0, 15)}...` : text)

/** Of dates and times as a reader writes them. */
function valueText(value: unknown, type: PlainType | undefined): string {
  if (value === null || value === undefined) return 'null'
  const number = Number(value)
  if (type?.logicalType === 'date') return dateText(number * 86_400_000, 10)
  if (type?.logicalType === 'timestamp-millis') return dateText(number, 16)
  if (type?.logicalType === 'timestamp-micros') return dateText(number / 1_000, 16)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function dateText(ms: number, length: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString().replace('T', ' ').slice(0, length) : String(ms)
}
