import { BrokerError, ConnectionLostError, isGenerationLost } from '../kafka/broker-errors.ts'
import { RegistryUnreachableError } from '../kafka/registry-errors.ts'
import { ModelsUnreadableError } from '../model/errors.ts'
import type { AbortReason, StageEvent } from '../ports/stage-event.ts'

export function abortedBy(cause: unknown): StageEvent {
  const text = cause instanceof Error ? cause.message : String(cause)
  return { kind: 'aborted', reason: reasonOf(cause), cause: text }
}

function reasonOf(cause: unknown): AbortReason {
  // The session's own word for a generation that has changed under an open slice.
  if (typeof cause === 'string') return 'rebalance'
  if (isGenerationLost(cause)) return 'rebalance'
  if (cause instanceof BrokerError) return 'broker'
  if (cause instanceof ConnectionLostError) return 'connection'
  if (cause instanceof RegistryUnreachableError) return 'registry'
  return cause instanceof ModelsUnreadableError ? 'models' : 'other'
}
