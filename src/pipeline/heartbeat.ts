import type { StageEvent } from '../ports/stage-event.ts'

const everyMs = 1_000

/** Says every second that the process is alive, while work is done that has no partitions of its own. */
export async function withHeartbeat<T>(
  { report }: { readonly report: (event: StageEvent) => void },
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => report({ kind: 'state', partitions: [], turnedMsAgo: 0 }), everyMs)
  timer.unref()
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
