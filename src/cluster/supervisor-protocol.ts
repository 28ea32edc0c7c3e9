import type { ExitCode } from '../errors.ts'
import type { Installation } from './jvm/installation.ts'
import type { Java } from './jvm/java.ts'

/** The first message to a supervisor: what to start. */
export interface SupervisorRequest {
  readonly parts:
    | { readonly kind: 'jvm'; readonly java: Java; readonly installation: Installation }
    | { readonly kind: 'docker' }
    | { readonly kind: 'embedded'; readonly memoryBytes?: number }
  /** True: it runs without the owner, and writes itself to the state file. */
  readonly detached: boolean
  readonly dataDir?: string
  readonly brokerHeap: string
  readonly registryHeap: string
}

/** The only later message to a supervisor. Closing the channel means the same. */
export type SupervisorOrder = 'stop'

export type SupervisorReport =
  /** With what it has said at its start. */
  | { readonly type: 'ready'; readonly brokers: string; readonly registry: string; readonly lines: readonly string[] }
  /** With the fix and the exit code of an error that is expected. */
  | { readonly type: 'failed'; readonly message: string; readonly fix?: string; readonly exitCode?: ExitCode }
  | { readonly type: 'images missing'; readonly image: string; readonly reason: string }
  /** Another detached cluster was quicker; this one is gone again. */
  | { readonly type: 'superseded' }
  | { readonly type: 'died'; readonly message: string }
