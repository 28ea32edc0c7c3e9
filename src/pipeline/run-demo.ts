import { availableParallelism } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { topicNames } from '../config/names.ts'
import { flag, listener, text } from '../config/value-rules.ts'
import type { FileReading } from '../files/reading/table-options.ts'
import type { Model } from '../model/model.ts'
import type { LeftOutColumn } from '../stages/fit.ts'
import { call } from './call.ts'
import { fields, optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { demoFile } from './demo-file.ts'
import { exportTopic } from './export-topic.ts'
import { fitDataset } from './fit-dataset.ts'
import { type LoadFileOptions, loadFile, readingChecks } from './load-file.ts'
import { normalizeTopic } from './normalize-topic.ts'
import { restoreTopic } from './restore-topic.ts'
import { type FieldBeforeAfter, rowBeforeAfter } from './row-before-after.ts'
import { sampleTopic } from './sample-topic.ts'
import { mismatches, verifyDataset } from './verify-dataset.ts'

/** The steps of a demo, in their order. */
export type DemoStep = 'load' | 'sample' | 'fit' | 'normalize' | 'restore' | 'verify'

/** A step that has ended. */
export interface DemoStepReport {
  readonly step: DemoStep
  readonly dataset: string
  /** the file that is loaded */
  readonly file: string
  /** rows that its speed is of */
  readonly rows: number
  readonly seconds: number
  /** rows of the sample; from step 'sample' on */
  readonly sampled: number
  /** what was fitted, and what was not; of step 'fit' */
  readonly fit: DemoFit | undefined
}

/** What the fit of a demo has found. */
export interface DemoFit {
  readonly model: Model
  readonly leftOut: readonly LeftOutColumn[]
  /** fields that are not modelled because they are no plain numbers, each with its type */
  readonly others: readonly string[]
}

export interface RunDemoOptions {
  /** CSV, Parquet or JSON; its normalized rows are written beside it [3 million flights] */
  readonly file?: string | undefined
  /** how it is read [as its name and content say] */
  readonly reading?: FileReading | undefined
  /** whether the report has one row before and after [true] */
  readonly showsRow?: boolean | undefined
  /** told of the columns of the file, before it is loaded */
  readonly onColumns?: LoadFileOptions['onColumns'] | undefined
  /** told of each step that begins */
  readonly onStep?: ((step: DemoStep) => void) | undefined
  /** told how many rows the step has read, and of how many */
  readonly onProgress?: ((step: DemoStep, rows: number, of: number | undefined) => void) | undefined
  /** told of each step that has ended */
  readonly onStepDone?: ((report: DemoStepReport) => void) | undefined
}

export interface DemoReport {
  readonly dataset: string
  readonly file: string
  readonly rows: number
  readonly normalized: number
  readonly restored: number
  readonly deadLetters: number
  /** faults that the audit has found, and rows that are missing */
  readonly mismatches: number
  readonly model: Model
  readonly seconds: Readonly<Record<DemoStep, number>>
  readonly rowsPerSecond: { readonly load: number; readonly normalize: number; readonly restore: number }
  /** Parquet file of the normalized rows, beside the file that was named */
  readonly exported: string | undefined
  /** one row before and after; undefined if there is none, or if there are dead letters */
  readonly row: readonly FieldBeforeAfter[] | undefined
}

const checks = optionChecks<RunDemoOptions>(
  'runDemo',
  {},
  {
    file: text,
    reading: fields<FileReading>({}, readingChecks),
    showsRow: flag,
    onColumns: listener<NonNullable<RunDemoOptions['onColumns']>>(),
    onStep: listener<NonNullable<RunDemoOptions['onStep']>>(),
    onProgress: listener<NonNullable<RunDemoOptions['onProgress']>>(),
    onStepDone: listener<NonNullable<RunDemoOptions['onStepDone']>>(),
  },
)

const sampledRows = 200_000
/** Threads of the audit: each reads three topics. */
const mostReaders = 4

/**
 * @internal The whole flow with one file: load, sample, fit, normalize, restore, and an audit of every row. The data
 * set is called after the file. Work of `vgm demo`; programs have its steps.
 *
 * @example
 * const { rows, mismatches } = await runDemo(cluster, { file: 'trips.csv' })
 *
 * @throws whatever its steps throw; InterruptedError when the cluster's signal fires
 */
export async function runDemo(cluster: ClusterSession, options: RunDemoOptions = {}): Promise<DemoReport> {
  return call(checks, cluster, options, demo)
}

async function demo(cluster: ClusterSession, options: RunDemoOptions): Promise<DemoReport> {
  const { file: ownFile, reading, showsRow = true, onColumns, onStep, onProgress: onRows, onStepDone } = options
  const file = ownFile ?? demoFile()
  const dataset = ownFile === undefined ? 'flights' : datasetOf(ownFile)
  const seconds: Record<DemoStep, number> = { load: 0, sample: 0, fit: 0, normalize: 0, restore: 0, verify: 0 }
  let total: number | undefined
  let sampled = 0

  const step = async <T>(
    name: DemoStep,
    work: (onProgress: (rows: number, of?: number) => void) => Promise<T>,
  ): Promise<T> => {
    onStep?.(name)
    const startedMs = performance.now()
    const result = await work((rows, of) => onRows?.(name, rows, of ?? total))
    seconds[name] = (performance.now() - startedMs) / 1_000
    return result
  }
  const done = (name: DemoStep, rows: number, fit?: DemoFit) =>
    onStepDone?.({ step: name, dataset, file, rows, seconds: seconds[name], sampled, fit })

  const loaded = await step('load', (onProgress) =>
    loadFile(cluster, { ...reading, dataset, file, onColumns, onProgress }),
  )
  total = loaded.rowsOut
  done('load', total)
  const size = { rows: sampledRows }
  await step('sample', (onProgress) => sampleTopic(cluster, { dataset, size, append: true, onProgress }))
  sampled = Math.min(sampledRows, total)
  done('sample', total)
  const leftOut: LeftOutColumn[] = []
  const others: string[] = []
  const listeners = {
    onLeftOut: (column: LeftOutColumn) => leftOut.push(column),
    onOtherFields: (names: readonly string[]) => others.push(...names),
  }
  const model = await step('fit', (onProgress) => fitDataset(cluster, { dataset, ...listeners, onProgress }))
  done('fit', sampled, { model, leftOut, others })
  const running = { dataset, untilEnd: true }
  const normalized = await step('normalize', (onProgress) => normalizeTopic(cluster, { ...running, onProgress }))
  done('normalize', normalized.rowsIn)
  const restored = await step('restore', (onProgress) => restoreTopic(cluster, { ...running, onProgress }))
  done('restore', restored.rowsIn)
  const members = Math.min(mostReaders, availableParallelism())
  const audit = await step('verify', (onProgress) => verifyDataset(cluster, { dataset, members, onProgress }))
  done('verify', total)
  const exported = ownFile === undefined ? undefined : exportedName(ownFile)
  if (exported !== undefined) {
    // Its name is the demo's own, and a second demo writes it again.
    await exportTopic(cluster, { topic: topicNames(dataset).normalized, file: exported, overwrite: true })
  }
  const deadLetters = normalized.deadLetters + restored.deadLetters
  const columns = model.columns.map(({ name }) => name)
  return {
    dataset,
    file,
    rows: loaded.rowsOut,
    normalized: normalized.rowsOut,
    restored: restored.rowsOut,
    deadLetters,
    // Both stages have run to the end: a row that is still pending is missing.
    mismatches: mismatches(audit) + audit.pending,
    model,
    seconds,
    rowsPerSecond: {
      load: loaded.rowsPerSecond,
      normalize: normalized.rowsPerSecond,
      restore: restored.rowsPerSecond,
    },
    exported,
    row: showsRow && deadLetters === 0 ? await rowBeforeAfter(cluster, topicNames(dataset), columns) : undefined,
  }
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
