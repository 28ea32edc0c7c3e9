import { modelPlot } from '../drawing/model-plot.ts'
import type { Model } from '../model/model.ts'
import { printableLine } from '../observe/printable-text.ts'
import type { ColumnHint } from '../pipeline/column-hints.ts'
import type { Challenger } from '../pipeline/follow-fits.ts'
import type { LeftOutColumn } from '../stages/fit.ts'
import { modelResult } from './model-text.ts'
import { listed } from './text-parts.ts'

/** A picture of each column, what is not modelled, what is worth a look, and the version that was published. */
export function fitText(model: Model, { leftOut, others, hints, isPromoted }: FitFindings): string {
  const plots = model.columns.map((column) => modelPlot(column)).join('\n\n')
  const findings = [...notModelledText(leftOut, others), ...hintLines(hints)]
  return [`${plots}\n`, modeText, ...findings, publishedText(model, isPromoted)].join('\n')
}

/** What a fit has found besides the model. */
export interface FitFindings {
  readonly leftOut: readonly LeftOutColumn[]
  /** fields that are not modelled because they are no plain numbers, each with its type */
  readonly others: readonly string[]
  readonly hints: readonly ColumnHint[]
  /** whether the model is current now */
  readonly isPromoted: boolean
}

/** What `vgm fit --json` prints; a contract. */
export function fitResult(model: Model, { leftOut, others, hints, isPromoted }: FitFindings, seconds: number) {
  const found = { notModelled: leftOut, otherFields: others, hints }
  return { ...modelResult(model), promoted: isPromoted, ...found, seconds }
}

/** What became of a challenger: a line for each comparison of `vgm fit --follow`. */
export function challengerText({ dataset, version, comparison: { verdict, reason } }: Challenger): string {
  const of = `of data set ${dataset}`
  const what = version === undefined ? `Dry run, nothing is published: a challenger ${of}` : `Version ${version} ${of}`
  return `${what}: ${verdict}. ${reason}.`
}

function publishedText({ version, dataset }: { version: number; dataset: string }, isPromoted: boolean): string {
  const published = `Published as version ${version} of data set ${dataset}`
  if (isPromoted) return `${published}, now current.`
  return `${published}, not current. Promote it:\n  vgm model promote --dataset ${dataset} ${version}`
}

/** What the words of a model mean. */
export const modeText =
  'A mode is one of the bell curves that add up to a column. A number x becomes its\n' +
  "mode's number, and value = (x - mean) / (4 std) of that mode.\n"

/** Columns that are named one by one. */
const listedColumns = 20

/** What passes through as it is, and why. */
export function notModelledText(leftOut: readonly LeftOutColumn[], others: readonly string[]): string[] {
  const isTime = (field: string) => /\((?:int|long|float|double) \(/.test(field)
  // Of Avro, and of Debezium: io.debezium.time.MicroTimestamp.
  const isFine = (field: string) => isTime(field) && /timestamp-(?:micros|nanos)|(?:Micro|Nano)Timestamp/.test(field)
  const fine = others.filter(isFine)
  const times = others.filter((field) => isTime(field) && !isFine(field))
  const rest = others.filter((field) => !isTime(field))
  const lines = [
    ...(rest.length > 0 ? [`${listed(rest, listedColumns)}: not numbers`] : []),
    ...(times.length > 0 ? [`${listed(times, listedColumns)}: dates or times; --columns can name them`] : []),
    ...(fine.length > 0 ? [`${listed(fine, listedColumns)}: times too fine for a model (beyond 2^49)`] : []),
    ...leftOut.slice(0, listedColumns).map(({ name, reason }) => `${name}: ${reason}`),
    ...(leftOut.length > listedColumns ? [`and ${leftOut.length - listedColumns} more`] : []),
  ]
  return lines.length === 0 ? [] : ['Not modelled, and passed through unchanged:', ...lines.map(indented), '']
}

/** What is worth a look of the columns of a model. */
export function hintLines(hints: readonly ColumnHint[]): string[] {
  if (hints.length === 0) return []
  const lines = hints.slice(0, listedColumns).map(({ column, text }) => `${column} ${text}.`)
  const more = hints.length > listedColumns ? [`and ${hints.length - listedColumns} more, as --json prints them`] : []
  const names = new Set(hints.filter(({ kind }) => kind !== 'decimals').map(({ column }) => column))
  const advice = names.size > 0 ? ['To leave columns out, name the others: --columns a,b,c'] : []
  return ['Worth a look:', ...[...lines, ...more, ...advice].map(indented), '']
}

const indented = (line: string) => `  ${printableLine(line)}`
