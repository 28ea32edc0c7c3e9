import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Option } from 'commander'
import { type ExitCode, PipelineError } from '../errors.ts'
import { type StageReport, stageReport } from '../stages/stage-report.ts'
import { type OpenCluster, parseCount } from './command-context.ts'
import { type NormalizeTopicOptions, normalizeTopic } from './normalize-topic.ts'
import { type RestoreTopicOptions, restoreTopic } from './restore-topic.ts'

/** A stage and what it is told: plain data, so that it can be sent to a thread. */
export type MemberTask =
  | { readonly stage: 'normalize'; readonly options: NormalizeTopicOptions }
  | { readonly stage: 'restore'; readonly options: RestoreTopicOptions }

/** What a thread is started with. */
export interface MemberRequest {
  readonly brokers: readonly string[]
  readonly registry: string
  readonly logLevel: string
  readonly task: MemberTask
}

/** What a thread says: how far it is, and once, at its end, the whole or why not. */
export type MemberAnswer =
  | { readonly kind: 'progress' | 'done'; readonly report: StageReport }
  | { readonly kind: 'failed'; readonly error: MemberFailure }

/** An error that has crossed from a thread. */
export interface MemberFailure {
  readonly code: string
  readonly message: string
  readonly fix: string
  readonly exitCode: ExitCode
  readonly stack: string | undefined
}

/** A member of this process has failed; the others have been stopped. */
export class MemberError extends PipelineError {
  readonly code: `VGM_${string}`
  constructor({ code, message, fix, exitCode, stack }: MemberFailure) {
    super(message, { fix, exitCode })
    this.code = code as `VGM_${string}`
    if (stack !== undefined) this.stack = stack
  }
}

export function membersOption(): Option {
  return new Option('--members <n>', 'members of the group in this process, a thread each')
    .argParser(parseCount)
    .default(1)
}

export function runMember(
  cluster: OpenCluster,
  { stage, options }: MemberTask,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  return stage === 'normalize'
    ? normalizeTopic(cluster, options, onProgress)
    : restoreTopic(cluster, options, onProgress)
}

/**
 * Runs `count` members of a stage's group in this process. Each has a membership, a transaction and connections of its own,
 * so that nothing is shared but the models topic. If one fails all stop, with its error.
 */
export async function runMembers(
  cluster: OpenCluster,
  task: MemberTask,
  count: number,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  if (count === 1) return runMember(cluster, task, onProgress)
  const reports = new Map<number, StageReport>()
  const stop = new AbortController()
  const signal = AbortSignal.any([cluster.signal, stop.signal])
  const members = Array.from({ length: count }, (_, slot) =>
    runThread(cluster, { ...task, options: { ...task.options, slot } } as MemberTask, signal, (report) => {
      reports.set(slot, report)
      onProgress(total(reports.values()))
    }).catch((error: unknown) => {
      stop.abort()
      throw error
    }),
  )
  const ends = await Promise.allSettled(members)
  // The first one to fail is why; the others were interrupted because of it.
  const failures = ends.filter((end) => end.status === 'rejected').map((end) => end.reason as unknown)
  const cause = failures.find((error) => !(error instanceof MemberError && error.code === 'VGM_INTERRUPTED'))
  if (failures.length > 0) throw cause ?? failures[0]
  return total(reports.values())
}

function runThread(
  { settings, registryUrl, log }: OpenCluster,
  task: MemberTask,
  signal: AbortSignal,
  onReport: (report: StageReport) => void,
): Promise<StageReport> {
  // In a checkout this module is TypeScript, in the package JavaScript; so is its neighbour.
  const extension = extname(fileURLToPath(import.meta.url))
  const request: MemberRequest = { brokers: settings.brokers, registry: registryUrl, logLevel: log.level, task }
  const thread = new Worker(new URL(`./member-thread${extension}`, import.meta.url), { workerData: request })
  const onAbort = () => thread.postMessage('stop')
  signal.addEventListener('abort', onAbort, { once: true })
  return new Promise<StageReport>((resolve, reject) => {
    thread.on('message', (answer: MemberAnswer) => {
      if (answer.kind === 'failed') reject(new MemberError(answer.error))
      else onReport(answer.report)
      if (answer.kind === 'done') resolve(answer.report)
    })
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`A member's thread ended with code ${code} and said nothing`)))
  }).finally(() => signal.removeEventListener('abort', onAbort))
}

function total(reports: Iterable<StageReport>): StageReport {
  const all = [...reports]
  const sum = (of: (report: StageReport) => number) => all.reduce((rows, report) => rows + of(report), 0)
  return stageReport(
    sum(({ rowsIn }) => rowsIn),
    sum(({ rowsOut }) => rowsOut),
    sum(({ deadLetters }) => deadLetters),
    Math.max(...all.map(({ seconds }) => seconds)),
  )
}
