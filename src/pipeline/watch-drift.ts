import { setTimeout as sleep } from 'node:timers/promises'
import { exitCodes, InterruptedError } from '../errors.ts'
import type { ClusterSession } from './cluster-session.ts'
import { type MeasureDriftOptions, type MeasuredDrift, measureDrift } from './measure-drift.ts'
import { whenReachable } from './when-reachable.ts'

/** How often a process that watches says that it is alive. */
const lifeSignMs = 10_000

/**
 * @internal Measures drift again and again, and reports it for metrics, until the cluster's signal fires.
 *
 * @param onMeasured told of each measurement
 * @throws InterruptedError when the signal fires; as `measureDrift`, except for what passes by itself
 */
export async function watchDrift(
  cluster: ClusterSession,
  options: MeasureDriftOptions,
  everyMs: number,
  onMeasured: (drift: MeasuredDrift) => void,
): Promise<never> {
  let before: number | undefined
  for (;;) {
    const startMs = performance.now()
    const drift = await whenReachable(
      cluster,
      () => measureDrift(cluster, options),
      // Nothing may have been fitted or counted yet, and a name may come later.
      ({ retriable, exitCode }) => retriable || exitCode === exitCodes.usage,
    )
    cluster.report({ kind: 'brokers-reached' })
    if (drift.version !== before) cluster.report({ kind: 'model-taken', model: drift.version, before })
    before = drift.version
    cluster.report({
      kind: 'drift',
      columns: drift.columns.map(({ name, wasserstein, findings }) => ({
        column: name,
        // Of a window of nulls alone.
        shift: Number.isNaN(wasserstein) ? 0 : wasserstein,
        isAlarm: findings.some(({ isAlarm }) => isAlarm),
      })),
    })
    onMeasured(drift)
    for (let left = everyMs; left > 0; left = everyMs - (performance.now() - startMs)) {
      cluster.report({ kind: 'state', partitions: [], turnedMsAgo: 0 })
      await sleep(Math.min(left, lifeSignMs), undefined, { signal: cluster.signal }).catch(() => {
        throw new InterruptedError('Run it again: it measures all windows that there are')
      })
    }
  }
}
