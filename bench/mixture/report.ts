/**
 * The quality report of the mixture: held-out likelihood, distance, modes, time and memory beside scikit-learn and rdt, in
 * Markdown. Every method gets the same rows; each fits in a process of its own.
 *
 *     npm run bench:mixture                        # some seven minutes on one core
 *     npm run bench:mixture -- --rows 5000 --splits 3 --only lognormal,ages
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type DataSet, dataSets } from './data-sets.ts'
import { oneThread, peersPython } from './peers-python.ts'
import { ksDistance, logLikelihood, type NormalMixture } from './quality.ts'

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '50000' },
    'held-out': { type: 'string', default: '50000' },
    'total-rows': { type: 'string', default: '3000000' },
    splits: { type: 'string', default: '5' },
    'rdt-splits': { type: 'string', default: '1' },
    only: { type: 'string' },
    'no-peers': { type: 'boolean', default: false },
    'write-values': { type: 'string' },
  },
})
const rows = Number(flags.rows)
const heldOut = Number(flags['held-out'])
const splits = Number(flags.splits)
/** rdt fits the same mixture as scikit-learn, with another prior: by default it gets the first split only, to save minutes. */
const rdtSplits = Math.min(splits, Number(flags['rdt-splits']))

/** Fits files of doubles and prints a JSON line for each. */
interface Method {
  readonly name: string
  readonly command: readonly string[]
  readonly splits: number
}

interface Fit extends NormalMixture {
  readonly iterations: number
  readonly seconds: number
  readonly peakBytes: number
}

interface Row {
  readonly logLikelihood: number
  readonly ks: number
  readonly modes: number
  readonly iterations: number
  readonly seconds: number
  readonly peakBytes: number
}

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const ours = (options: object) => [process.execPath, beside('ours.ts'), JSON.stringify(options)]

function methods(): Method[] {
  const own = [
    { name: 'scaled', command: ours({ recipe: 'scaled' }), splits },
    { name: 'scaled, totalRows', command: ours({ recipe: 'scaled', totalRows: Number(flags['total-rows']) }), splits },
    { name: 'sklearn', command: ours({ recipe: 'sklearn' }), splits },
  ]
  if (flags['no-peers']) return own
  const python = peersPython()
  return [
    ...own,
    { name: 'scikit-learn 1.9.1', command: [python, beside('peers.py'), 'scikit-learn'], splits },
    {
      name: `rdt 2.0.0${rdtSplits < splits ? ` (${rdtSplits} split)` : ''}`,
      command: [python, beside('peers.py'), 'rdt'],
      splits: rdtSplits,
    },
  ]
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[(numbers.length - 1) >> 1]

/** The median of every figure over the splits. */
function measure(method: Method, files: readonly string[], unseen: readonly Float64Array[], resolution: number): Row {
  const [command, ...rest] = method.command
  const output = execFileSync(command, [...rest, ...files.slice(0, method.splits)], {
    env: oneThread(),
    encoding: 'utf8',
  })
  const fits: Fit[] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const over = (figure: (fit: Fit, split: number) => number) => median(fits.map(figure))
  return {
    logLikelihood: over((fit, split) => logLikelihood(fit, unseen[split], resolution)),
    ks: over((fit, split) => ksDistance(fit, unseen[split], resolution)),
    modes: over((fit) => fit.weights.filter((weight) => weight >= 0.005).length),
    iterations: over((fit) => fit.iterations),
    seconds: over((fit) => fit.seconds),
    peakBytes: over((fit) => fit.peakBytes),
  }
}

async function report(dataSet: DataSet, compared: readonly Method[], folder: string): Promise<void> {
  const files: string[] = []
  const unseen: Float64Array[] = []
  for (let split = 0; split < splits; split++) {
    const values = await dataSet.values(rows + heldOut, split + 1)
    const file = join(folder, `${split}.f64`)
    writeFileSync(file, values.subarray(0, rows))
    files.push(file)
    unseen.push(values.slice(rows).sort())
  }
  for (const method of compared) {
    const row = measure(method, files, unseen, dataSet.resolution)
    const cells = [
      dataSet.name,
      method.name,
      row.logLikelihood.toFixed(4),
      row.ks.toFixed(4),
      row.modes,
      row.iterations,
      row.seconds.toFixed(3),
      Math.round(row.peakBytes / 2 ** 20),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

const only = flags.only?.split(',')
const chosen = dataSets.filter(({ name }) => only === undefined || only.includes(name))

if (flags['write-values'] !== undefined) {
  mkdirSync(flags['write-values'], { recursive: true })
  for (const { name, values } of chosen) {
    writeFileSync(join(flags['write-values'], `${name}.f64`), await values(rows, 1))
  }
} else {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-mixture-'))
  try {
    const compared = methods()
    console.log('| data set | method | nats a row | KS distance | modes | iterations | seconds | peak MiB |')
    console.log('|---|---|---:|---:|---:|---:|---:|---:|')
    for (const dataSet of chosen) await report(dataSet, compared, folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
