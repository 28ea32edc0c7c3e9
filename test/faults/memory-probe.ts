/**
 * Preloaded into a worker whose memory is watched (`--expose-gc --import`): at SIGUSR2 all garbage is collected, as
 * when memory runs out, and a line of the log says what is left. Otherwise a heap that may grow to five times what
 * lives in it looks like a leak for hours, where few rows come.
 */
import { isMainThread } from 'node:worker_threads'

if (isMainThread)
  process.on('SIGUSR2', () => {
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    const { heapUsed, external, rss } = process.memoryUsage()
    process.stderr.write(`${JSON.stringify({ level: 20, msg: 'memory', heapUsed, external, rss })}\n`)
  })
