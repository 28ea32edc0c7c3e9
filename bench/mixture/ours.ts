/**
 * Fits columns for report.ts: ours.ts '{"recipe": "scaled"}' FILE... prints what peers.py prints, a process of its own
 * for its memory.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'

/** Linux counts the parent's pages in a child's maxRSS, but not in VmHWM. */
function peakBytes(): number {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : ''
  const kibibytes = /VmHWM:\s+(\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS
  return Number(kibibytes) * 1024
}

const [options, ...files] = process.argv.slice(2)
for (const file of files) {
  const values = new Float64Array(new Uint8Array(readFileSync(file)).buffer)
  const start = process.cpuUsage()
  const { weights, means, stds, iterations } = fitMixture(values, JSON.parse(options))
  const { user, system } = process.cpuUsage(start)
  const seconds = (user + system) / 1e6
  const [w, m, s] = [weights, means, stds].map((array) => Array.from(array))
  console.log(JSON.stringify({ weights: w, means: m, stds: s, iterations, seconds, peakBytes: peakBytes() }))
}
