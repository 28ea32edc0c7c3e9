import { setTimeout as sleep } from 'node:timers/promises'
import type { SchemaRegistry } from '../kafka/registry.ts'

const pauseMs = 5_000
/** Short: an end of the process waits for an answer that is on its way. */
const patienceMs = 1_000

/**
 * Asks a registry that has not answered until it does: nobody may need it when it comes back, and it would count as
 * away for ever.
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
