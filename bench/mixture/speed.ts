/**
 * How fast the mixture fits, normalizes and restores beside scikit-learn and rdt: same rows, same run, one thread each,
 * in processor seconds, which other work on the machine disturbs least.
 *
 *     node bench/mixture/speed.ts # some three minutes
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { columnModel } from '../../src/mixture/column-model.ts'
import { ColumnSummary } from '../../src/mixture/column-summary.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { fitSummary } from '../../src/mixture/fit-summary.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { pilotCentre } from '../../src/mixture/pilot-centre.ts'
import { dataSets } from './data-sets.ts'
import { oneThread, peersPython } from './peers-python.ts'

const folder = mkdtempSync(join(tmpdir(), 'vgm-mixture-'))
const python = peersPython()

/** Seconds of the peer for a task on these values. */
function peer(task: 'fit' | 'predict' | 'rdt-transform', values: Float64Array): number {
  const file = join(folder, 'values.f64')
  writeFileSync(file, values)
  const script = fileURLToPath(new URL('peer-speed.py', import.meta.url))
  return JSON.parse(execFileSync(python, [script, task, file], { env: oneThread(), encoding: 'utf8' })).seconds
}

/** Processor seconds of the fastest of some runs; the first one warms up. */
function fastest(runs: number, work: () => void): number {
  let best = Infinity
  for (let run = 0; run < runs; run++) {
    const start = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, (user + system) / 1e6)
  }
  return best
}

/** Of the values, each of them so many times. */
function summaryOf(values: Float64Array, times: number): ColumnSummary {
  const centre = pilotCentre(values)
  const once = new ColumnSummary(centre)
  once.add(values)
  const part = once.snapshot()
  const summary = new ColumnSummary(centre)
  for (let i = 0; i < times; i++) summary.merge(part)
  return summary
}

const print = (...cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)
const ratio = (theirs: number, own: number) => `${(theirs / own).toFixed(1)} x`

try {
  print('what', 'rows', 'ours, s', 'peer, s', 'ratio')
  print('---', '---:', '---:', '---:', '---:')
  for (const name of ['lognormal', 'exponential', 'uniform', 'delay']) {
    const dataSet = dataSets.find((candidate) => candidate.name === name)
    const values = (await dataSet?.values(50_000, 1)) ?? new Float64Array()
    const own = fastest(3, () => fitMixture(values, { recipe: 'sklearn', starts: 1 }))
    const five = fastest(1, () => fitMixture(values, { recipe: 'sklearn' }))
    const theirs = peer('fit', values)
    print(`fit ${name}, recipe sklearn, 1 start`, 50_000, own.toFixed(3), theirs.toFixed(2), ratio(theirs, own))
    print(`fit ${name}, recipe sklearn, 5 starts`, 50_000, five.toFixed(3), theirs.toFixed(2), ratio(theirs, five))
  }
  const million = await dataSets[0].values(1_000_000, 1)
  const scaled = fastest(3, () => fitMixture(million))
  const theirs = peer('fit', million)
  print('fit lognormal, recipe scaled', 1e6, scaled.toFixed(3), theirs.toFixed(2), ratio(theirs, scaled))
  for (const times of [1, 1000]) {
    let all = 0
    for (const { name, values } of dataSets) {
      const summary = summaryOf(await values(100_000, 1), times)
      const seconds = fastest(3, () => fitSummary(summary))
      all += seconds
      if (name === 'lognormal') print(`fit a summary of ${name}`, times * 1e5, seconds.toFixed(3), '', '')
    }
    print(
      `fit a summary, mean of the ${dataSets.length} data sets`,
      times * 1e5,
      (all / dataSets.length).toFixed(3),
      '',
      '',
    )
  }
  const model = columnModel(fitMixture(million))
  const normalizer = new Normalizer(model)
  const values = new Float64Array(million.length)
  const modes = new Uint8Array(million.length)
  const restored = new Float64Array(million.length)
  const perSecond = (seconds: number) => `${(million.length / seconds / 1e6).toPrecision(3)} M/s`
  const normalize = fastest(20, () => normalizer.normalize(million, values, modes))
  const restore = fastest(20, () => normalizer.restore(values, modes, restored))
  const rounding = new Normalizer({ ...model, roundTo: 2 })
  const restoreRounded = fastest(20, () => rounding.restore(values, modes, restored))
  const predict = peer('predict', million)
  const transform = peer('rdt-transform', million.subarray(0, 200_000)) * 5
  print('normalize, to scikit-learn predict', 1e6, perSecond(normalize), perSecond(predict), ratio(predict, normalize))
  print('normalize, to rdt transform', 1e6, perSecond(normalize), perSecond(transform), ratio(transform, normalize))
  print('restore', 1e6, perSecond(restore), '', '')
  print('restore, rounded to two decimals', 1e6, perSecond(restoreRounded), '', '')
} finally {
  rmSync(folder, { recursive: true })
}
