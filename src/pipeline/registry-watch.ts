import { setTimeout as sleep } from 'node:timers/promises'
import type { SchemaRegistry } from '../kafka/registry.ts'

const pauseMs = 5_000
/** Short: an end of the process waits for an answer that is on its way. */
const patienceMs = 1_000

/**
 * Polls a registry that did not answer until it does. Otherwise it could count as unreachable for ever, because no
 * request may be needed after it returns.
 */
export async function untilRegistryAnswers(registry: SchemaRegistry, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
    if (signal.aborted) return
    const isThere = await registry.subjects(patienceMs).then(
      () => true,
      () => false,
    )
    if (isThere) return
  }
}
