import type { Frame, KafkaProxy } from './kafka-proxy.ts'
import type { VgmProcess } from './vgm-process.ts'

/** A moment of a process's life that its broker can see. */
export interface FrameMoment {
  /** as Produce */
  readonly api: string
  readonly direction: Frame['direction']
  /** at which of these frames, from 1 up */
  readonly at?: number
  /** whether the frame arrives all the same; else it is lost with the process */
  readonly arrives?: boolean
}

/**
 * Kills a process, the only one behind the proxy, when the moment comes; resolves when it has ended.
 *
 * @returns whether the moment has come before the process ended by itself
 */
export async function killAtFrame(proxy: KafkaProxy, process: VgmProcess, moment: FrameMoment): Promise<boolean> {
  const { api, direction, at = 1, arrives = false } = moment
  let seen = 0
  const over = proxy.rule((frame) => {
    if (seen === at) return 'drop'
    if (frame.api !== api || frame.direction !== direction || ++seen < at) return undefined
    process.signal('SIGKILL')
    return arrives ? undefined : 'drop'
  })
  await process.ended
  over()
  return seen === at
}

/** Counts frames of each kind that pass a proxy while `work` goes on. */
export async function countFrames(
  proxy: KafkaProxy,
  kinds: readonly Pick<FrameMoment, 'api' | 'direction'>[],
  work: Promise<unknown>,
): Promise<number[]> {
  const seen = kinds.map(() => 0)
  const over = proxy.rule((frame) => {
    for (const [i, { api, direction }] of kinds.entries())
      if (frame.api === api && frame.direction === direction) seen[i]++
    return undefined
  })
  await work.finally(over)
  return seen
}
