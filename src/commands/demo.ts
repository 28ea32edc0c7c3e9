import { availableParallelism } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import type { Command } from 'commander'
import type { ClusterFlags } from '../config/cluster-address.ts'
import { defaultModelsTopic, topicNames } from '../config/names.ts'
import { smallPlot } from '../drawing/model-plot.ts'
import { exitCodes } from '../errors.ts'
import type { FileReading } from '../files/reading/table-options.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import type { Model } from '../model/model.ts'
import { printableLine } from '../observe/printable-text.ts'
import { createProgress } from '../observe/progress.ts'
import { formatSpeed, textTable } from '../observe/report-text.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { columnHints } from '../pipeline/column-hints.ts'
import { demoFile } from '../pipeline/demo-file.ts'
import type { modelSummary } from '../pipeline/fit-dataset.ts'
import type { FieldBeforeAfter } from '../pipeline/row-before-after.ts'
import type { LeftOutColumn } from '../stages/fit.ts'
import type { PlainType } from '../stages/verify/row-types.ts'
import { type ClusterCommandFlags, printResult, withCluster } from './command-context.ts'
import { addFileOptions, type FileFlags, fileReading } from './file-options.ts'
import { hintLines, modeText, notModelledText } from './fit.ts'
import { columnsText } from './load.ts'
import { type OwnClusterFlags, ownClusterCommand, withOwnCluster } from './own-cluster.ts'

interface DemoFlags extends ClusterCommandFlags, OwnClusterFlags, FileFlags {}

const sampledRows = 200_000
/** Threads of the audit: each reads three topics. */
const mostReaders = 4

type Step = 'load' | 'sample' | 'fit' | 'normalize' | 'restore' | 'verify'

/** What `vgm demo --json` prints; a contract. */
interface DemoResult {
  readonly rows: number
  readonly normalized: number
  readonly restored: number
  readonly deadLetters: number
  readonly mismatches: number
  readonly model: ReturnType<typeof modelSummary>
  readonly seconds: Readonly<Record<Step, number>>
  readonly rowsPerSecond: { readonly load: number; readonly normalize: number; readonly restore: number }
}

export function demoCommand(): Command {
  const command = ownClusterCommand(
    'demo',
    'run the whole flow on real data, with its own cluster',
    'vgm demo trips.parquet',
  )
    .argument('[file]', 'CSV, Parquet or JSON file (default: 3 million flights)')
    .option('--keep', 'leave the cluster running')
  return addFileOptions(command).action(async (file: string | undefined, flags: DemoFlags) => {
    const reading = fileReading(flags)
    if (file !== undefined) {
      // Before a cluster is started for it.
      const { checkFile } = await import('../pipeline/check-file.ts')
      await checkFile(file, reading)
    }
    const { debug = false, logLevel } = flags
    await withOwnCluster(flags, (address) =>
      withCluster({ ...address, debug, logLevel }, async (cluster) => {
        const demo = await runDemo(cluster, file, reading, flags.json !== true)
        printResult(flags, demo.result, demoText(demo, flags.keep === true, address))
        if (demo.result.mismatches > 0) process.exitCode = exitCodes.failed
      }),
    )
  })
}

interface Demo {
  readonly result: DemoResult
  readonly model: Model
  readonly dataset: string
  readonly file: string
  /** the normalized rows of the reader's own file */
  readonly exported: string | undefined
  readonly row: readonly FieldBeforeAfter[] | undefined
}

async function runDemo(
  cluster: ClusterSession,
  ownFile: string | undefined,
  reading: FileReading,
  isTalking: boolean,
): Promise<Demo> {
  const file = ownFile ?? demoFile()
  const dataset = ownFile === undefined ? 'flights' : datasetOf(ownFile)
  const seconds: Record<Step, number> = { load: 0, sample: 0, fit: 0, normalize: 0, restore: 0, verify: 0 }
  let total: number | undefined

  const step = async <T>(
    name: Step,
    work: (onProgress: (rows: number, of?: number) => void) => Promise<T>,
  ): Promise<T> => {
    const progress = createProgress(name, { isQuiet: !isTalking })
    const startedMs = performance.now()
    try {
      return await work((rows, of) => progress.update(rows, of ?? total))
    } finally {
      progress.end()
      seconds[name] = (performance.now() - startedMs) / 1_000
    }
  }
  const say = (name: Step, rows: number, what: string) => {
    if (!isTalking) return
    const speed = formatSpeed(rows / seconds[name])
    process.stderr.write(
      `${name.padEnd(9)} ${seconds[name].toFixed(1).padStart(5)} s  ${speed.padStart(7)}  ${printableLine(what)}\n`,
    )
  }

  const { exportTopic, loadFile, mismatches, normalizeTopic, restoreTopic, sampleTopic, verifyDataset } = await import(
    '../pipeline/index.ts'
  )
  const { fitDataset, modelSummary } = await import('../pipeline/fit-dataset.ts')
  const { rowBeforeAfter } = await import('../pipeline/row-before-after.ts')
  const loaded = await step('load', (onProgress) =>
    loadFile(cluster, {
      ...reading,
      dataset,
      file,
      onProgress,
      onColumns: (table) => {
        if (isTalking && ownFile !== undefined) process.stderr.write(columnsText(table))
      },
    }),
  )
  total = loaded.rowsOut
  say('load', total, `${count(total)} rows of ${basename(file)} in ${dataset}.raw`)
  const size = { rows: sampledRows }
  await step('sample', (onProgress) => sampleTopic(cluster, { dataset, size, append: true, onProgress }))
  const sampled = Math.min(sampledRows, total)
  say('sample', total, `${count(sampled)} of them in ${dataset}.sample`)
  const left: LeftOutColumn[] = []
  const others: string[] = []
  const listeners = {
    onLeftOut: (column: LeftOutColumn) => left.push(column),
    onOtherFields: (fields: readonly string[]) => others.push(...fields),
  }
  const model = await step('fit', (onProgress) => fitDataset(cluster, { dataset, ...listeners, onProgress }))
  const modes = model.columns.map(({ name, mean }) => `${name} ${mean.length}`)
  say('fit', sampled, `version ${model.version} in ${defaultModelsTopic}; modes: ${listText(modes)}`)
  if (isTalking && ownFile !== undefined)
    for (const line of [...notModelledText(left, others), ...hintLines(columnHints(model))])
      process.stderr.write(`${line}\n`)
  const running = { dataset, untilEnd: true }
  const normalized = await step('normalize', (onProgress) => normalizeTopic(cluster, { ...running, onProgress }))
  say('normalize', normalized.rowsIn, `into ${dataset}.normalized, exactly once`)
  const restored = await step('restore', (onProgress) => restoreTopic(cluster, { ...running, onProgress }))
  say('restore', restored.rowsIn, `into ${dataset}.restored, exactly once`)
  const members = Math.min(mostReaders, availableParallelism())
  const audit = await step('verify', (onProgress) => verifyDataset(cluster, { dataset, members, onProgress }))
  say('verify', total, 'every row, by a stock client')
  const exported = ownFile === undefined ? undefined : exportedName(ownFile)
  if (exported !== undefined) {
    // Its name is the demo's own, and a second demo writes it again.
    await exportTopic(cluster, { topic: topicNames(dataset).normalized, file: exported, overwrite: true })
  }
  const result: DemoResult = {
    rows: loaded.rowsOut,
    normalized: normalized.rowsOut,
    restored: restored.rowsOut,
    deadLetters: normalized.deadLetters + restored.deadLetters,
    // Both stages have run to the end: a row that is still pending is missing.
    mismatches: mismatches(audit) + audit.pending,
    model: modelSummary(model),
    seconds,
    rowsPerSecond: {
      load: loaded.rowsPerSecond,
      normalize: normalized.rowsPerSecond,
      restore: restored.rowsPerSecond,
    },
  }
  const row =
    !isTalking || result.deadLetters > 0
      ? undefined
      : await rowBeforeAfter(
          cluster,
          topicNames(dataset),
          model.columns.map(({ name }) => name),
        )
  return { result, model, dataset, file, exported, row }
}

/** Fits a screen of 24 lines. */
function demoText(
  { result, model, dataset, file, exported, row }: Demo,
  keep: boolean,
  { brokers, registry }: ClusterFlags,
): string {
  const { rows, normalized, restored, deadLetters, mismatches: wrong } = result
  const verdict =
    wrong === 0
      ? `${count(rows)} rows in, ${count(normalized)} normalized, ${count(restored)} restored, ` +
        `${count(deadLetters)} dead letters:\nnone lost, doubled, reordered or wrong (${basename(file)}).`
      : `${count(wrong)} faults: run "vgm verify --dataset ${dataset}" on this cluster to see them.`
  const next = keep
    ? [
        `Still running: ${brokers}, registry ${registry}; "vgm down" ends it.`,
        `Next: vgm ui ${dataset} (in a browser), vgm model show --dataset ${dataset}, vgm lag --dataset ${dataset},`,
        `      vgm replay --dataset ${dataset} --from start --model ${model.version}`,
      ]
    : ['Next: vgm demo your-own.csv; --keep leaves the cluster running; vgm --help']
  // In a checkout there is no vgm on the PATH.
  if (process.env.npm_command !== undefined && import.meta.url.endsWith('.ts'))
    next.push('Here: alias vgm="$PWD/node_modules/.bin/node $PWD/src/main.ts"')
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

/** @example listText(['a 3', 'b 5']) // 'a 3, b 5' */
function listText(names: readonly string[]): string {
  const shown = names.slice(0, 4)
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more columns` : '')
}

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

const count = (rows: number) => rows.toLocaleString('en')

/** @example datasetOf('data/My trips.csv') // 'My-trips' */
function datasetOf(file: string): string {
  const name = basename(file, extname(file)).replace(/[^A-Za-z0-9._-]+/g, '-')
  return name.replace(/^[^A-Za-z0-9]+/, '') || 'demo'
}

/** @example exportedName('data/trips.csv') // 'data/trips.normalized.parquet' */
function exportedName(file: string): string {
  return join(dirname(file), `${basename(file, extname(file))}.normalized.parquet`)
}
