/**
 * The default recipe beside scikit-learn on the numeric columns of R's data sets: held-out likelihood, in Markdown.
 *
 *     node bench/mixture/tables.ts                   # an hour on one core, of which ours takes five minutes
 *     node bench/mixture/tables.ts --splits 1 --max-rows 2000 --options '{"join": 0}'
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { oneThread, peersPython } from './peers-python.ts'
import { logLikelihood, type NormalMixture } from './quality.ts'

const { values: flags } = parseArgs({
  options: {
    splits: { type: 'string', default: '5' },
    'min-rows': { type: 'string', default: '600' },
    'max-rows': { type: 'string', default: '200000' },
    options: { type: 'string', default: '{}' },
    worst: { type: 'string', default: '10' },
  },
})

interface Split {
  readonly name: string
  readonly rows: number
  readonly resolution: number
  readonly file: string
}

interface Fit extends NormalMixture {
  readonly seconds: number
}

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** The JSON lines that a command prints. */
function linesOf<T>([command, ...rest]: readonly string[]): T[] {
  const output = execFileSync(command, rest, { env: oneThread(), encoding: 'utf8', maxBuffer: 2 ** 30 })
  const lines = output.trim().split('\n')
  return lines.map((line) => JSON.parse(line))
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[(numbers.length - 1) >> 1]

function unseenOf({ file }: Split): Float64Array {
  return new Float64Array(new Uint8Array(readFileSync(`${file}.unseen`)).buffer)
}

const folder = mkdtempSync(join(tmpdir(), 'vgm-tables-'))
try {
  const python = peersPython()
  const splits = linesOf<Split>([
    python,
    beside('tables.py'),
    folder,
    flags.splits,
    flags['min-rows'],
    flags['max-rows'],
  ])
  const files = splits.map(({ file }) => `${file}.fit`)
  const ours = linesOf<Fit>([process.execPath, beside('ours.ts'), flags.options, ...files])
  const theirs = linesOf<Fit>([python, beside('peers.py'), 'scikit-learn', ...files])
  const gains = new Map<string, number[]>()
  splits.forEach((split, i) => {
    const unseen = unseenOf(split)
    const [mine, other] = [ours[i], theirs[i]].map((fit) => logLikelihood(fit, unseen, split.resolution))
    const column = `${split.name} (${split.rows} rows)`
    gains.set(column, [...(gains.get(column) ?? []), mine - other])
  })
  const columns = [...gains].map(([name, each]) => ({ name, gain: median(each) })).sort((a, b) => a.gain - b.gain)
  const count = (holds: (gain: number) => boolean) => columns.filter(({ gain }) => holds(gain)).length
  const seconds = (fits: readonly Fit[]) => fits.reduce((sum, fit) => sum + fit.seconds, 0)
  console.log('| columns | ahead | even | behind by 0.001 | by 0.01 | median | worst | seconds | scikit-learn |')
  console.log('|---:|---:|---:|---:|---:|---:|---:|---:|---:|')
  const cells = [
    columns.length,
    count((gain) => gain > 1e-3),
    count((gain) => Math.abs(gain) <= 1e-3),
    count((gain) => gain < -1e-3),
    count((gain) => gain < -1e-2),
    median(columns.map(({ gain }) => gain)).toFixed(4),
    columns[0].gain.toFixed(4),
    seconds(ours).toFixed(0),
    seconds(theirs).toFixed(0),
  ]
  console.log(`| ${cells.join(' | ')} |\n`)
  for (const { name, gain } of columns.slice(0, Number(flags.worst))) console.log(`${gain.toFixed(4)}  ${name}`)
} finally {
  rmSync(folder, { recursive: true })
}
