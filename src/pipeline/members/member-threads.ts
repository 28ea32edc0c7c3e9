import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { ClusterAddress } from '../../config/cluster-address.ts'
import { type ExitCode, PipelineError } from '../../errors.ts'
import type { LogOrigin } from '../../observe/logger.ts'
import type { StageEvent } from '../../ports/stage-event.ts'
import type { ClusterSession } from '../cluster-session.ts'
import type { MemberProgress, MemberResult, MemberStage, MemberTask } from './member-task.ts'

/** What a thread is started with; it goes there as a message, secrets included. */
export interface MemberRequest<S extends MemberStage> {
  readonly address: ClusterAddress
  readonly waits: boolean
  readonly logLevel: string
  readonly logOrigin: LogOrigin
  readonly task: MemberTask<S>
}

/** Messages of a thread: its progress, its events, and at its end its result or its error. */
export type MemberAnswer<S extends MemberStage> =
  | { readonly kind: 'progress'; readonly progress: MemberProgress<S> }
  | { readonly kind: 'event'; readonly event: StageEvent }
  | { readonly kind: 'done'; readonly result: MemberResult<S> }
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

/**
 * Runs each task in its own thread, with its own connections. If one fails, all stop with its error.
 *
 * @param onProgress is told which of the tasks it is about
 * @returns the results in the order of the tasks
 */
export async function runThreads<S extends MemberStage>(
  cluster: ClusterSession,
  tasks: readonly MemberTask<S>[],
  onProgress: (progress: MemberProgress<S>, member: number) => void,
): Promise<MemberResult<S>[]> {
  const stop = new AbortController()
  const signal = AbortSignal.any([cluster.signal, stop.signal])
  const members = tasks.map((task, member) =>
    runThread(cluster, task, member, signal, (progress) => onProgress(progress, member)).catch((error: unknown) => {
      stop.abort()
      throw error
    }),
  )
  const ends = await Promise.allSettled(members)
  // The first one to fail is why; the others were interrupted because of it.
  const failures = ends.filter((end) => end.status === 'rejected').map((end) => end.reason as unknown)
  const cause = failures.find((error) => !(error instanceof MemberError && error.code === 'VGM_INTERRUPTED'))
  if (failures.length > 0) throw cause ?? failures[0]
  return Promise.all(members)
}

function runThread<S extends MemberStage>(
  { address, waits, log, observe }: ClusterSession,
  task: MemberTask<S>,
  member: number,
  signal: AbortSignal,
  onProgress: (progress: MemberProgress<S>) => void,
): Promise<MemberResult<S>> {
  // In a checkout this module is TypeScript, in the package JavaScript; so is its neighbour.
  const extension = extname(fileURLToPath(import.meta.url))
  const request: MemberRequest<S> = {
    address,
    waits,
    logLevel: log.level,
    logOrigin: { ...log.bindings(), member },
    task,
  }
  const thread = new Worker(new URL(`./member-thread${extension}`, import.meta.url), { workerData: request })
  const onAbort = () => thread.postMessage('stop')
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return new Promise<MemberResult<S>>((resolve, reject) => {
    thread.on('message', (answer: MemberAnswer<S>) => {
      if (answer.kind === 'failed') reject(new MemberError(answer.error))
      else if (answer.kind === 'progress') told(() => onProgress(answer.progress))
      else if (answer.kind === 'event') observe(answer.event, member)
      else resolve(answer.result)
    })
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`A member's thread ended with code ${code} without a result`)))
  }).finally(() => signal.removeEventListener('abort', onAbort))
}

/** What a program's listener throws ends its call, which knows of it; here it would end the process. */
function told(listener: () => void): void {
  try {
    listener()
  } catch {
    // The call's signal has fired.
  }
}
