import { countText } from '../count-text.ts'
import { joiningText, modelPlot } from '../drawing/model-plot.ts'
import type { Model } from '../model/model.ts'
import type { ColumnDiff, ModelDiff, ModePair } from '../model/model-diff.ts'
import { secondText } from '../observe/report-text.ts'
import type { ModelCheck } from '../pipeline/check-model.ts'
import type { ModelVersion } from '../pipeline/models-topic.ts'
import type { StampedRow } from '../stages/stamped-versions.ts'
import { percentText, screenTable } from './text-parts.ts'

/** What `--json` prints of a model that was published. */
export function modelResult({ dataset, version, columns }: Model) {
  return {
    dataset,
    version,
    columns: columns.map(({ name, mean, roundTo }) => ({
      name,
      modes: mean.length,
      ...(roundTo !== undefined && { roundTo }),
    })),
  }
}

/** @param versions as `--json` prints them */
export function versionsText(versions: readonly ShownVersion[]): string {
  return screenTable(
    ['version', '', 'created', 'recipe', 'rows', 'compared', 'columns'],
    versions.map(({ version, current, names, createdAt, recipe, rows, columns, comparison }) => [
      String(version),
      [...(current ? ['current'] : []), ...names].join(' '),
      `${createdAt.slice(0, 16).replace('T', ' ')}Z`,
      recipe,
      rows,
      comparison?.verdict ?? '',
      columns.map(({ name, modes }) => `${name} (${modes})`).join(', '),
    ]),
  )
}

/** What `--json` prints of a version: its time as a text. */
export function shownVersion({ createdAtMs, ...version }: ModelVersion) {
  return { ...version, createdAt: new Date(createdAtMs).toISOString() }
}

type ShownVersion = ReturnType<typeof shownVersion>

/** Where a version comes from, and a picture of each of its columns. */
export function modelText(model: Model): string {
  const { dataset, version, createdAtMs, recipe, options, seed, lineage, contentSha256, columns, comparison } = model
  const facts = screenTable(
    ['data set', dataset],
    [
      ['version', String(version)],
      ['created', new Date(createdAtMs).toISOString()],
      ['recipe', `${recipe}, seed ${seed}`],
      ['joined modes', joiningText(options)],
      ['trained on', `${countText(lineage.rowsUsed)} of ${countText(lineage.rowsSeen)} rows, ${lineage.topic}`],
      ...(comparison === undefined ? [] : [['compared', `${comparison.verdict}. ${comparison.reason}`]]),
      ['content', contentSha256.slice(0, 16)],
    ],
  )
  return [facts, ...columns.map(modelPlot)].join('\n\n')
}

/** Whether a fit of the same rows gives the same bytes. */
export function checkText({ version, softwareVersion, isSame, differing }: ModelCheck, dataset: string): string {
  const what = `Version ${version} of data set ${dataset}`
  if (isSame) return `${what} is a fit of its rows, byte for byte.`
  const columns = differing.length === 0 ? '' : ` in columns ${differing.join(', ')}`
  return `${what}, fitted by version ${softwareVersion}, differs from a fit of the same rows${columns}.`
}

/** What two versions differ by: a table of the columns, then one of the modes of each. */
export function diffText({ dataset, versions: [from, to], columns, removed, added }: ModelDiff): string {
  const only = (version: number, names: readonly string[]) =>
    names.length === 0 ? [] : [`Modelled by version ${version} only: ${names.join(', ')}`]
  const overview = screenTable(
    [`data set ${dataset}, ${from} to ${to}`, 'distance', 'moved weight', 'rows that change mode'],
    columns.map(({ name, distance, movedMass, changedMode }) => [
      name,
      percentText(distance),
      percentText(movedMass),
      percentText(changedMode),
    ]),
  )
  return [overview, ...only(from, removed), ...only(to, added), ...columns.map(modesText)].join('\n\n')
}

function modesText({ name, modes }: ColumnDiff): string {
  const number = (x: number | undefined) => (x === undefined ? '-' : String(Number(x.toPrecision(5))))
  const change = ([from, to]: ModePair['mean'], shown = number) =>
    from === to ? shown(from) : `${shown(from)} -> ${shown(to)}`
  const share = (x: number | undefined) => (x === undefined ? '-' : percentText(x))
  return screenTable(
    [name, 'weight', 'mean', 'std'],
    modes.map(({ from, to, weight, mean, std }) => [
      change([from, to]),
      change(weight, share),
      change(mean),
      change(std),
    ]),
  )
}

/** The versions that rows were normalized by, a line for each row. */
export function whichText(rows: readonly StampedRow[]): string {
  if (rows.length === 0) return 'There are no normalized rows there.'
  return screenTable(
    ['partition', 'offset', 'time', 'version'],
    rows.map(({ partition, offset, timestampMs, version }) => [
      partition,
      offset,
      secondText(timestampMs),
      version === undefined ? 'unknown' : String(version),
    ]),
  )
}
