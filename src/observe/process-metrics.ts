import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'

const lagResolutionMs = 20

/**
 * Figures of the process under the names that everybody gives them.
 *
 * Not the client's own collection: it listens to every garbage collection, which was 1 % of a busy stage's time, and
 * has more names than this project has figures.
 */
export function registerProcessMetrics(registry: Registry): void {
  const registers = [registry]
  const gauge = (name: string, help: string, value: () => number | undefined) =>
    new Gauge({
      registers,
      name,
      help,
      collect() {
        const now = value()
        if (now === undefined) this.remove()
        else this.set(now)
      },
    })
  new Counter({
    registers,
    name: 'process_cpu_seconds_total',
    help: 'Processor time of all threads, user and system, in seconds',
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  const startedSeconds = Date.now() / 1_000 - process.uptime()
  gauge('process_start_time_seconds', 'When the process started, in seconds since 1970', () => startedSeconds)
  gauge('process_resident_memory_bytes', 'Memory of all threads in bytes', () => process.memoryUsage.rss())
  gauge('process_open_fds', 'Open files and sockets', openFiles)
  gauge('nodejs_heap_size_total_bytes', "JavaScript's heap in bytes", () => process.memoryUsage().heapTotal)
  gauge('nodejs_heap_size_used_bytes', 'Used bytes of the JavaScript heap', () => process.memoryUsage().heapUsed)
  gauge('nodejs_external_memory_bytes', 'Buffers outside of the heap in bytes', () => process.memoryUsage().external)
  const delay = monitorEventLoopDelay({ resolution: lagResolutionMs })
  delay.enable()
  // What it records is the time between two ticks of its timer.
  const lagSeconds = (ns: number) => Math.max(0, ns / 1e9 - lagResolutionMs / 1_000)
  gauge('nodejs_eventloop_lag_p99_seconds', 'Delay of timers since the last scrape, 99th percentile', () =>
    lagSeconds(delay.percentile(99)),
  )
  gauge('nodejs_eventloop_lag_max_seconds', 'Maximum delay of timers since the last scrape', () => {
    const max = lagSeconds(delay.max)
    delay.reset()
    return max
  })
  const version = process.version
  new Gauge({
    registers,
    name: 'nodejs_version_info',
    help: 'Always 1; the version of Node.js',
    labelNames: ['version'],
  })
    .labels({ version })
    .set(1)
}

/** Undefined where the system does not tell. */
function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return undefined
  }
}
