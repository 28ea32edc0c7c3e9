/**
 * The tables of docs/drift.md: power and false alarms of drift, and of promotion, in Markdown.
 *
 *     npm run bench:drift                 # an hour on one core
 *     npm run bench:drift -- --share 0.1  # a tenth of the windows and runs
 *     npm run bench:drift -- --only promotion
 */
import { parseArgs } from 'node:util'
import { dataSets } from '../mixture/data-sets.ts'
import { flightMonths } from './flight-months.ts'
import { type Challenge, challenge, mixedSource } from './promotion.ts'
import { falseAlarms, normalNumbers, normalSource, type RowSource, type Simulation, shifts } from './simulation.ts'

const { values: flags } = parseArgs({ options: { share: { type: 'string', default: '1' }, only: { type: 'string' } } })
const share = Number(flags.share)
const some = (count: number) => Math.max(1, Math.round(share * count))

const windowRows = 5_000
/** 100,000 rows */
const within = 20

const simulated = (seed: number, wander = 0): Simulation => {
  const normal = normalNumbers(seed)
  return { columns: 100, windowRows, trainedRows: 200_000, source: normalSource(normal), normal, wander }
}

const flights = await Promise.all(
  ['delay', 'distance'].map((name) => dataSets.find((set) => set.name === name)?.values(3_000_000, 1)),
)

/** Real rows in a random order: another one for each seed. */
function real(seed: number): Simulation {
  const normal = normalNumbers(seed)
  const columns = flights.map((values) => values as Float64Array)
  const next = columns.map(({ length }) => Math.floor(Math.abs(normal()) * length) % length)
  const stds = columns.map((values) => {
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length
    return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)
  })
  // The rows are in the order of a hash; a step that has no common divisor with their number visits all of them.
  const step = columns.map(({ length }) => coprime(length, 1 + (Math.floor(Math.abs(normal()) * 1e6) % length)))
  const source: RowSource = (column, shift, values) => {
    const [from, moved] = [columns[column], shift * stds[column]]
    for (let i = 0; i < values.length; i++) {
      values[i] = Math.round(from[next[column]] + moved)
      next[column] = (next[column] + step[column]) % from.length
    }
  }
  return { columns: columns.length, windowRows, trainedRows: 200_000, source, normal, wander: 0 }
}

function coprime(n: number, from: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))
  return divisor(n, from) === 1 ? from : coprime(n, from + 1)
}

const line = (...cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)
const percent = (part: number, of: number) => `${((100 * part) / of).toFixed(part === 0 || part === of ? 0 : 1)} %`

const isWanted = (part: string) => flags.only === undefined || flags.only === part

if (isWanted('alarms')) {
  console.log('## False alarms\n')
  line('healthy windows of 5,000 rows', 'windows', 'here', 'PSI > 0.1', 'KS p < 0.05')
  line('---', '---:', '---:', '---:', '---:')
  const healthy: [string, Simulation, number][] = [
    ['100 columns', simulated(1), 5_000],
    ['100 columns, whose means wander by 0.03 std', simulated(2, 0.03), 2_000],
    ['the same, with a null distribution drawn from the model', { ...simulated(3, 0.03), learnsStill: true }, 200],
    ['flights: delay and distance', real(4), 5_000],
  ]
  for (const [name, simulation, windows] of healthy) {
    const { detector, psi, ks } = falseAlarms(simulation, some(windows))
    const rate = ({ falseAlarms }: { falseAlarms: number }) => percent(falseAlarms, some(windows))
    line(name, some(windows).toLocaleString('en'), `${detector.falseAlarms}`, rate(psi), rate(ks))
  }
}

if (isWanted('shifts')) {
  console.log('\n## Shifts of one column\n')
  line(
    'shift, std',
    'columns',
    'healthy windows before',
    'runs',
    'found',
    'rows (median, worst)',
    'PSI > 0.1',
    'KS p < 0.05',
  )
  line('---:', '---', '---:', '---:', '---:', '---', '---:', '---:')
  interface Shift {
    readonly name: string
    readonly simulate: (run: number) => Simulation
    readonly shift: number
    readonly before: number
    readonly minEffect?: number
  }
  const hundred = (run: number) => simulated(1_000 + run)
  const wandering = (run: number) => simulated(2_000 + run, 0.03)
  const moved: Shift[] = [
    { name: '100', simulate: hundred, shift: 0.1, before: 200 },
    { name: '100, `--min-effect 0.02`', simulate: hundred, shift: 0.05, before: 200, minEffect: 0.02 },
    { name: '100, means wander by 0.03', simulate: wandering, shift: 0.1, before: 200 },
    { name: '100', simulate: hundred, shift: 0.1, before: 100 },
    { name: 'flights: 2', simulate: (run) => real(3_000 + run), shift: 0.1, before: 200 },
  ]
  for (const { name, simulate, shift, before, minEffect } of moved) {
    const runs = some(60)
    const options = minEffect === undefined ? {} : { options: { minEffect } }
    const result = shifts((run) => ({ ...simulate(run), ...options }), { runs, healthy: before, within, shift })
    const rows = (windows: number | undefined) =>
      windows === undefined ? '-' : (windows * windowRows).toLocaleString('en')
    const spread = `${rows(result.windows[result.windows.length >> 1])}, ${rows(result.windows.at(-1))}`
    const found = percent(result.found, runs)
    line(shift, name, before, runs, found, spread, percent(result.psi, runs), percent(result.ks, runs))
  }
}

if (isWanted('months')) {
  console.log('\n## Flights by month\n')
  const head = ['column', 'month of 2001', 'windows', 'shift, std', 'KS', 'PSI', 'windows with an alarm', 'PSI > 0.1']
  line(...head, 'KS p < 0.05')
  line('---', '---', ...head.slice(1).map(() => '---:'))
  for (const { column, months } of await flightMonths(['delay', 'distance'], windowRows))
    for (const { month, windows, shift, ks, psi, alarms, psiWindows, ksWindows } of months)
      line(
        column,
        month.slice(5),
        windows,
        ...[shift, ks, psi].map((distance) => distance.toFixed(3)),
        ...[alarms, psiWindows, ksWindows].map((spoke) => percent(spoke, windows)),
      )
}

if (isWanted('promotion')) {
  console.log('\n## Promotion\n')
  line(
    'held-out rows',
    'challengers',
    'promoted',
    'better, data unchanged',
    'undecided',
    'gain of the promoted on a million fresh rows: least, median',
  )
  line('---', '---:', '---:', '---:', '---:', '---:')
  const basis = { trainedRows: 100_000, heldOutRows: 100_000, judgedRows: 1_000_000 }
  const mixed = { ...basis, source: mixedSource }
  const delays = { ...basis, source: (seed: number) => real(5_000 + seed).source }
  const challenges: [string, Challenge][] = [
    ['as before', { ...mixed, challengers: some(300), shift: 0 }],
    [
      'as before, champion and challenger of 10,000 rows',
      { ...mixed, trainedRows: 10_000, challengers: some(300), shift: 0 },
    ],
    ['shifted by 0.1 std', { ...mixed, challengers: some(100), shift: 0.1 }],
    ['shifted by 0.05 std', { ...mixed, challengers: some(100), shift: 0.05 }],
    ['flights, delay: as before', { ...delays, challengers: some(300), shift: 0 }],
    ['flights, delay: shifted by 0.1 std', { ...delays, challengers: some(100), shift: 0.1 }],
  ]
  for (const [name, options] of challenges) {
    const { challengers, promoted, unchanged, undecided, gains } = challenge(options)
    const spread = gains.length === 0 ? '' : `${gains[0].toFixed(4)}, ${gains[gains.length >> 1].toFixed(4)}`
    line(
      name,
      challengers,
      percent(promoted, challengers),
      percent(unchanged, challengers),
      percent(undecided, challengers),
      spread,
    )
  }
}
