/**
 * The quality report of the mixture: held-out likelihood, distance, modes, processor time and memory beside
 * scikit-learn and rdt, in Markdown. Every method gets the same rows; each fits in a process of its own.
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
    'total-rows': { type: 'string', default: '1000000' },
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
/** of the topic that the rows are a sample of */
const totalRows = Number(flags['total-rows'])
/**
 * rdt fits the same mixture as scikit-learn, with another prior: by default it gets the first split only, to save
 * minutes.
 */
const rdtSplits = Math.min(splits, Number(flags['rdt-splits']))

/** Fits files of doubles and prints a JSON line for each. */
interface Method {
  readonly name: string
  readonly command: readonly string[]
  readonly splits: number
  /** fits all rows, of which the others get a sample */
  readonly all?: boolean
}

interface Fit extends NormalMixture {
  readonly weights: readonly number[]
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
    { name: 'scaled, totalRows', command: ours({ recipe: 'scaled', totalRows }), splits },
    {
      name: 'scaled, all rows',
      command: ours({ recipe: 'scaled' }),
      splits,
      all: true,
    },
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

/** A sample to fit, all rows that it is of, and others to judge the fit by, ascending. */
interface Split {
  readonly sample: string
  readonly all: string
  readonly unseen: Float64Array
}

/** The median of every figure over the splits. */
function measure(method: Method, given: readonly Split[], resolution: number): Row {
  const [command, ...rest] = method.command
  const files = given.slice(0, method.splits).map(({ sample, all }) => (method.all === true ? all : sample))
  const output = execFileSync(command, [...rest, ...files], { env: oneThread(), encoding: 'utf8' })
  const fits: Fit[] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const over = (figure: (fit: Fit, split: number) => number) => median(fits.map(figure))
  return {
    logLikelihood: over((fit, split) => logLikelihood(fit, given[split].unseen, resolution)),
    ks: over((fit, split) => ksDistance(fit, given[split].unseen, resolution)),
    modes: over((fit) => fit.weights.filter((weight) => weight >= 0.005).length),
    iterations: over((fit) => fit.iterations),
    seconds: over((fit) => fit.seconds),
    peakBytes: over((fit) => fit.peakBytes),
  }
}

async function drawSplit(dataSet: DataSet, split: number, folder: string): Promise<Split> {
  const values = await dataSet.values(heldOut + Math.max(rows, totalRows), split + 1)
  const [sample, all] = ['sample', 'all'].map((name) => join(folder, `${split}.${name}.f64`))
  writeFileSync(sample, values.subarray(0, rows))
  const unseen = values.slice(rows, rows + heldOut).sort()
  // The rows to judge by lie behind the sample; what follows them takes their place.
  values.copyWithin(rows, rows + heldOut)
  writeFileSync(all, values.subarray(0, values.length - heldOut))
  return { sample, all, unseen }
}

async function report(dataSet: DataSet, compared: readonly Method[], folder: string): Promise<void> {
  const given: Split[] = []
  for (let split = 0; split < splits; split++) given.push(await drawSplit(dataSet, split, folder))
  for (const method of compared) {
    const row = measure(method, given, dataSet.resolution)
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
