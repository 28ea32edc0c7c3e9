import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  falseAlarms,
  normalNumbers,
  normalSource,
  SimulatedStream,
  type Simulation,
  shifts,
} from '../../bench/drift/simulation.ts'
import { conformalRank, eValue } from '../../src/drift/conformal-rank.ts'
import { DriftDetector, warmUpWindows } from '../../src/drift/drift-detector.ts'
import { randomNumbers } from '../../src/mixture/random-numbers.ts'

/** A short form of bench/drift/report.ts. */
const simulated = (seed: number, wander = 0): Simulation => {
  const normal = normalNumbers(seed)
  return { columns: 5, windowRows: 2_000, trainedRows: 20_000, source: normalSource(normal), normal, wander }
}

suite('drift detector', () => {
  test('ranks of exchangeable numbers are uniform, ties too, and the bet against them is fair', () => {
    const uniform = randomNumbers(1)
    for (const values of [1e9, 3]) {
      const ranks = Array.from({ length: 4000 }, () => {
        const healthy = Array.from({ length: 19 }, () => Math.floor(uniform() * values))
        return conformalRank(healthy, Math.floor(uniform() * values), uniform())
      })
      for (const share of [0.05, 0.5, 0.9]) {
        const below = ranks.filter((p) => p <= share).length / ranks.length
        ok(Math.abs(below - share) < 0.03, `${below} of the ranks are below ${share}`)
      }
    }
    // The mean over uniform p, by substitution of p = q^10: the integrand is smooth then.
    let mean = 0
    for (let i = 0; i < 1e4; i++) {
      const q = (i + 0.5) / 1e4
      mean += (eValue(q ** 10) * 10 * q ** 9) / 1e4
    }
    ok(Math.abs(mean - 1) < 1e-3, `${mean}`)
  })

  test('healthy windows raise no alarm, while the rules that people use do', () => {
    const { detector, ks } = falseAlarms(simulated(1), 400)
    equal(detector.falseAlarms, 0)
    ok(ks.falseAlarms > 40, `${ks.falseAlarms}`)
  })

  test('windows that wander by themselves raise none either', () => {
    equal(falseAlarms(simulated(2, 0.05), 300).detector.falseAlarms, 0)
  })

  test('a shift of 0.15 standard deviations is found, in the right column alone', () => {
    const { found, runs, psi } = shifts((run) => simulated(10 + run), {
      runs: 8,
      healthy: 150,
      within: 20,
      shift: 0.15,
    })
    deepEqual([found, psi], [runs, 0])
  })

  test('a shift that is certain but small is no alarm', () => {
    const stream = new SimulatedStream({ ...simulated(3), windowRows: 20_000, trainedRows: 100_000 })
    const detector = new DriftDetector(stream.bins, { windowRows: 20_000, minEffect: 0.1 })
    for (let t = 0; t < 120; t++) detector.observe(stream.window(0), t)
    const verdicts = Array.from({ length: 12 }, (_, t) => detector.observe(stream.window(0.05), 120 + t))
    ok(verdicts.some(({ findings }) => findings.some(({ isCertain, column }) => isCertain && column === 'c0')))
    ok(verdicts.every(({ isAlarm }) => !isAlarm))
  })

  test('the lower bound is not far where windows wander: together they scatter less than one by one', () => {
    const effects = Array.from({ length: 4 }, (_, run) => {
      const stream = new SimulatedStream(simulated(20 + run, 0.04))
      const detector = new DriftDetector(stream.bins, { windowRows: 2_000 })
      for (let t = 0; t < 200; t++) detector.observe(stream.window(0), t)
      for (let t = 0; t < 19; t++) detector.observe(stream.window(0.12), 200 + t)
      const { findings } = detector.observe(stream.window(0.12), 219)
      return findings.find(({ column }) => column === 'c0')?.effect ?? 0
    })
    const mean = effects.reduce((sum, effect) => sum + effect) / effects.length
    ok(mean > 0.08 && mean < 0.12, effects.join())
  })

  test('the lower bound of the effect is below what the drift is, and not far', () => {
    const stream = new SimulatedStream(simulated(4))
    const detector = new DriftDetector(stream.bins, { windowRows: 2_000 })
    for (let t = 0; t < 100; t++) detector.observe(stream.window(0), t)
    const last = Array.from({ length: 15 }, (_, t) => detector.observe(stream.window(0.3), 100 + t)).at(-1)
    const [{ column, effect, distance, isAlarm }] = last?.findings ?? []
    deepEqual([column, isAlarm], ['c0', true])
    ok(effect > 0.22 && effect < 0.3, `${effect}`)
    ok(Math.abs(distance - 0.3) < 0.08, `${distance}`)
  })

  test('an alarm lasts as long as the drift, which is not learned as healthy, and ends with it', () => {
    const stream = new SimulatedStream(simulated(5))
    const detector = new DriftDetector(stream.bins, { windowRows: 2_000 })
    const see = (shift: number, windows: number) =>
      Array.from({ length: windows }, (_, t) => detector.observe(stream.window(shift), `${shift} ${t}`).isAlarm)
    see(0, 100)
    ok(see(0.3, 500).slice(-480).every(Boolean))
    ok(
      see(0, 300)
        .slice(-50)
        .every((isAlarm) => !isAlarm),
    )
  })

  test('more nulls than before are found as well', () => {
    const stream = new SimulatedStream(simulated(6))
    const bins = stream.bins.map((some) => ({ ...some, nullable: true, nullShare: 0.01 }))
    const detector = new DriftDetector(bins, { windowRows: 2_000 })
    const uniform = randomNumbers(7)
    const nulls = (share: number) => Array.from({ length: 2_000 }, uniform).filter((u) => u < share).length
    const see = (share: number) =>
      detector.observe(
        stream.window(0).map((window, i) => ({ ...window, nulls: nulls(i === 2 ? share : 0.01) })),
        0,
      )
    for (let t = 0; t < 100; t++) equal(see(0.01).isAlarm, false)
    const last = Array.from({ length: 10 }, () => see(0.05)).at(-1)
    deepEqual(
      last?.findings.filter(({ isAlarm }) => isAlarm).map(({ column, of }) => [column, of]),
      [['c2', 'nulls']],
    )
  })

  test('a window is judged by a sample of its rows, so that busy hours are no drift', () => {
    const [small, large] = [simulated(8), { ...simulated(8), windowRows: 40_000 }]
    const stream = new SimulatedStream(small)
    const busy = new SimulatedStream(large)
    const detector = new DriftDetector(stream.bins, { windowRows: 2_000 })
    for (let t = 0; t < 100; t++) detector.observe(busy.window(0), t)
    ok(
      Array.from({ length: 60 }, (_, t) => detector.observe(stream.window(0), 100 + t)).every(
        ({ isAlarm }) => !isAlarm,
      ),
    )
  })

  test('goes on from its state as text, and gives no verdict before it has seen enough', () => {
    const stream = new SimulatedStream(simulated(9))
    const one = new DriftDetector(stream.bins)
    const windows = Array.from({ length: 60 }, (_, t) => stream.window(t < 50 ? 0 : 0.2))
    const verdicts = windows.map((window, t) => one.observe(window, t))
    equal(verdicts.filter(({ isWarm }) => !isWarm).length, warmUpWindows)
    const before = new DriftDetector(stream.bins)
    for (const [t, window] of windows.slice(0, 45).entries()) before.observe(window, t)
    const after = new DriftDetector(stream.bins, {}, JSON.parse(JSON.stringify(before.state)))
    deepEqual(
      windows.slice(45).map((window, t) => after.observe(window, 45 + t)),
      verdicts.slice(45),
    )
  })
})
