import { basename, dirname, extname, join } from 'node:path'
import type { Command } from 'commander'
import type { ClusterFlags } from '../config/cluster-address.ts'
import { defaultModelsTopic, topicNames } from '../config/names.ts'
import { modelPlot } from '../drawing/model-plot.ts'
import { exitCodes } from '../errors.ts'
import type { FileReading } from '../files/reading/table-options.ts'
import type { Model } from '../model/model.ts'
import { createProgress } from '../observe/progress.ts'
import { formatSpeed, textTable } from '../observe/report-text.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { demoFile } from '../pipeline/demo-file.ts'
import type { modelSummary } from '../pipeline/fit-dataset.ts'
import { type ClusterCommandFlags, printResult, withCluster } from './command-context.ts'
import { addFileOptions, type FileFlags, fileReading } from './file-options.ts'
import { columnsText } from './load.ts'
import { type OwnClusterFlags, ownClusterCommand, withOwnCluster } from './own-cluster.ts'

interface DemoFlags extends ClusterCommandFlags, OwnClusterFlags, FileFlags {}

const sampledRows = 200_000

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
    const progress = createProgress(name)
    const startedMs = performance.now()
    try {
      return await work((rows, of) => progress.update(rows, of ?? total))
    } finally {
      progress.end()
      seconds[name] = (performance.now() - startedMs) / 1_000
      if (isTalking) process.stderr.write(`${name.padEnd(10)} ${seconds[name].toFixed(1).padStart(6)} s\n`)
    }
  }

  const { exportTopic, loadFile, mismatches, normalizeTopic, restoreTopic, sampleTopic, verifyDataset } = await import(
    '../pipeline/index.ts'
  )
  const { fitDataset, modelSummary } = await import('../pipeline/fit-dataset.ts')
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
  const size = { rows: sampledRows }
  await step('sample', (onProgress) => sampleTopic(cluster, { dataset, size, append: true, onProgress }))
  const model = await step('fit', (onProgress) => fitDataset(cluster, { dataset, onProgress }))
  const running = { dataset, untilEnd: true }
  const normalized = await step('normalize', (onProgress) => normalizeTopic(cluster, { ...running, onProgress }))
  const restored = await step('restore', (onProgress) => restoreTopic(cluster, { ...running, onProgress }))
  const audit = await step('verify', (onProgress) => verifyDataset(cluster, { dataset, onProgress }))
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
  return { result, model, dataset, file, exported }
}

function demoText(
  { result, model, dataset, file, exported }: Demo,
  keep: boolean,
  { brokers, registry }: ClusterFlags,
): string {
  const { rows, normalized, restored, deadLetters, mismatches: wrong, seconds } = result
  const count = (n: number) => n.toLocaleString('en')
  const steps: readonly (readonly [Step, number, string])[] = [
    ['load', rows, `${basename(file)} into ${dataset}.raw`],
    ['sample', rows, `${count(Math.min(sampledRows, rows))} rows into ${dataset}.sample`],
    ['fit', Math.min(sampledRows, rows), `version ${model.version} into ${defaultModelsTopic}`],
    ['normalize', normalized, `into ${dataset}.normalized, exactly once`],
    ['restore', restored, `into ${dataset}.restored, exactly once`],
    ['verify', rows, 'every row, by a stock client'],
  ]
  const table = textTable(
    ['step', 'rows', 'seconds', 'speed', 'what'],
    steps.map(([name, n, what]) => [name, n, seconds[name].toFixed(1), formatSpeed(n / seconds[name]), what]),
  )
  const verdict =
    wrong === 0
      ? `${count(rows)} rows in, ${count(normalized)} normalized, ${count(restored)} restored, ` +
        `${count(deadLetters)} dead letters:\nnone lost, doubled, reordered or wrong.`
      : `${count(wrong)} faults: run "vgm verify --dataset ${dataset}" on this cluster to see them.`
  const next = keep
    ? [
        `The cluster is still running: ${brokers}, registry ${registry}`,
        `  vgm model show --dataset ${dataset}       show the model again`,
        `  vgm lag --dataset ${dataset}              show how far the groups are behind`,
        `  vgm export --dataset ${dataset} out.parquet`,
        `  vgm replay --dataset ${dataset} --from start --model ${model.version}`,
        '  vgm down                          stop it, and remove its data',
      ]
    : [
        'What to try next:',
        '  vgm demo your-own.csv             run the demo with your rows',
        '  vgm demo --keep                   keep the cluster running afterwards',
        '  vgm up                            start a cluster that stays, for vgm load, sample,',
        '                                    fit, normalize, restore and the others',
      ]
  // In a checkout there is no vgm on the PATH.
  if (process.env.npm_command !== undefined && import.meta.url.endsWith('.ts'))
    next.push('', 'Here: alias vgm="$PWD/node_modules/.bin/node $PWD/src/main.ts"')
  return [
    '',
    ...model.columns.map((column) => `${modelPlot(column)}\n`),
    table,
    '',
    verdict,
    ...(exported === undefined ? [] : [`Normalized rows: ${exported}`]),
    '',
    ...next,
  ].join('\n')
}

/** @example datasetOf('data/My trips.csv') // 'My-trips' */
function datasetOf(file: string): string {
  const name = basename(file, extname(file)).replace(/[^A-Za-z0-9._-]+/g, '-')
  return name.replace(/^[^A-Za-z0-9]+/, '') || 'demo'
}

/** @example exportedName('data/trips.csv') // 'data/trips.normalized.parquet' */
function exportedName(file: string): string {
  return join(dirname(file), `${basename(file, extname(file))}.normalized.parquet`)
}
