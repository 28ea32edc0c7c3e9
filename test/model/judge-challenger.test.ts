import { equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BlockGains, type GainFound } from '../../src/drift/block-gains.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { judgeChallenger } from '../../src/model/judge-challenger.ts'
import { column, shapes } from '../mixture/synthetic-columns.ts'

const mean = (decision: 'promote' | 'drop' | 'wait') => ({ mean: 0.02, lower: 0.01, upper: 0.03, decision })
const found = (gain: 'promote' | 'drop' | 'wait', change: 'promote' | 'drop' | 'wait' = 'promote'): GainFound => ({
  rows: 100_000,
  blocks: 100,
  leastGain: 0.001,
  gain: mean(gain),
  change: mean(change),
  columns: [{ name: 'x', gain: 0.02, change: 0.02 }],
})
const x = columnModel(fitMixture(column(shapes.normal, 500)), { name: 'x' })
const y = { ...x, name: 'y' }
const champion = { version: 3, columns: [x] }
const verdictOf = (some: GainFound, isHeld = false) => judgeChallenger(champion, { columns: [x] }, some, isHeld).verdict

suite('the verdict on a challenger', () => {
  test('needs a gain that is certain, and that a change of the data accounts for', () => {
    equal(verdictOf(found('promote')), 'promoted')
    equal(verdictOf(found('wait')), 'undecided')
    equal(verdictOf(found('drop')), 'no-gain')
    equal(verdictOf(found('promote', 'wait')), 'undecided')
    equal(verdictOf(found('promote', 'drop')), 'unchanged')
  })

  test('leaves the promotion to a person where that is asked for, and other columns in any case', () => {
    equal(verdictOf(found('promote'), true), 'approval')
    equal(verdictOf(found('drop'), true), 'no-gain')
    const { verdict, reason } = judgeChallenger(champion, { columns: [y] }, found('promote'), false)
    equal(verdict, 'other-columns')
    match(reason, /version 3: -x, \+y/)
  })

  test('is clear where nothing was current', () => {
    equal(judgeChallenger(undefined, { columns: [x] }, found('wait'), false).verdict, 'first')
    equal(judgeChallenger(undefined, { columns: [x] }, found('wait'), true).verdict, 'approval')
  })

  test('tells the gain with its bounds', () => {
    const { reason } = judgeChallenger(champion, { columns: [x] }, found('promote'), false)
    equal(reason, 'It gains 0.0200 (0.0100 to 0.0300) nats a row over version 3 on 100,000 rows')
    const columns = [
      { name: 'c', gain: 0.01, change: -50 },
      { name: 'a', gain: 4.69, change: -1.2 },
      { name: 'id', gain: 46.9, change: -12 },
      { name: 'b', gain: -0.469, change: 0 },
    ]
    const reasonOf = (some: GainFound) =>
      judgeChallenger(champion, { columns: [x] }, { ...some, columns }, false).reason
    match(reasonOf(found('promote')), /rows\. The largest gains by column: id 46\.9; a 4\.69; b -0\.469$/)
    match(
      reasonOf(found('promote', 'drop')),
      /needed\. By column, gain and change: c 0\.0100 and -50\.0; id 46\.9 and -12\.0; a 4\.69 and -1\.20$/,
    )
    const few = { ...found('wait'), gain: { mean: 0.02, lower: -Infinity, upper: Infinity, decision: 'wait' } as const }
    match(judgeChallenger(champion, { columns: [x] }, few, false).reason, /too few blocks/)
  })

  test('is not for a champion that is worse than it could be on its own rows: its data have not changed', () => {
    const fresh = column(shapes.tenModes, 60_000, 2)
    const better = columnModel(fitMixture(column(shapes.tenModes, 20_000)), { name: 'x' })
    const worse = columnModel(fitMixture(column(shapes.tenModes, 20_000, 3), { components: 3 }), { name: 'x' })
    const foundOn = (values: Float64Array) => {
      const gains = new BlockGains([worse], [better], 60)
      for (let i = 0; i < 60; i++) {
        gains.add(i, 0, values.subarray(1_000 * i, 1_000 * (i + 1)))
        gains.addRows(i, 1_000)
      }
      return gains.found()
    }
    const unchanged = foundOn(fresh)
    const [{ name, gain, change }] = unchanged.columns
    equal(name, 'x')
    ok(Math.abs(gain - unchanged.gain.mean) < 1e-9 && Math.abs(change - unchanged.change.mean) < 1e-9)
    ok(unchanged.gain.lower > 0.1 && Math.abs(unchanged.change.mean) < 0.02, JSON.stringify(unchanged))
    equal(verdictOf(unchanged) === 'promoted', false)
  })

  test('a column without a common name gives no gain, and one value beyond all others no infinite one', () => {
    equal(new BlockGains([x], [y], 1).columns.length, 0)
    const gains = new BlockGains([x], [{ ...x, std: x.std.map((s) => s / 2) }], 1)
    gains.add(0, 0, Float64Array.of(1e300, -1e300))
    gains.addRows(0, 2)
    ok(Number.isFinite(gains.found().gain.mean))
  })
})
