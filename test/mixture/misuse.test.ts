import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  type ColumnModel,
  columnModel,
  columnModelFromJson,
  columnModelToJson,
  fitMixture,
  Normalizer,
} from '../../src/mixture/index.ts'
import { column, shapes } from './synthetic-columns.ts'

const values = column(shapes.lognormal, 3_000)
const model = columnModel(fitMixture(values), { name: 'fare' })
const modes = model.mean.length

suite('the library refuses', () => {
  const normalizer = new Normalizer(model)
  const arrays = () => ({ values: new Float64Array(4), modes: new Uint8Array(4) })

  test('arrays that are too short, and writes nothing', () => {
    const short = new Float64Array(3).fill(7)
    const code = { code: 'VGM_ARRAY_SHORT' }
    throws(() => normalizer.normalize(values, short, new Uint8Array(3_000)), { ...code, message: /outValues has 3/ })
    throws(() => normalizer.normalize(values, new Float64Array(3_000), new Uint8Array(9)), code)
    const { values: four, modes: fourModes } = arrays()
    throws(() => normalizer.restore(four, fourModes.subarray(1), four), { ...code, message: /modes has 3/ })
    throws(() => normalizer.restore(four, fourModes, short), { ...code, message: /out has 3/ })
    deepEqual([...short], [7, 7, 7])
  })

  test('numbers that are not finite, with their row', () => {
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const { values: out, modes: outModes } = arrays()
      const refusal = { code: 'VGM_VALUE_NOT_FINITE', message: /row 2/ }
      throws(() => normalizer.normalize(Float64Array.of(1, 2, bad), out, outModes), refusal)
      throws(() => fitMixture(Float64Array.of(1, 2, bad)), refusal)
      deepEqual([...out], [0, 0, 0, 0])
    }
  })

  test('a mode that the model does not have', () => {
    const { values: out } = arrays()
    const refusal = { code: 'VGM_MODE_UNKNOWN', message: new RegExp(`row 1 is ${modes}, and the model has ${modes}`) }
    throws(() => normalizer.restore(Float64Array.of(0, 0), Uint8Array.of(modes - 1, modes), out), refusal)
  })

  test('an option that there is not, by its name', () => {
    const refusal = { code: 'VGM_FIT_OPTION', message: /componets/, fix: /components/ }
    throws(() => fitMixture(values, { componets: 3 } as never), refusal)
    throws(() => fitMixture(values, { recipe: 'sklearn', componets: 3 } as never), refusal)
    throws(() => columnModel(fitMixture(values), { nam: 'x' } as never), { code: 'VGM_FIT_OPTION', message: /nam$/ })
    throws(() => new Normalizer(model, { clp: 1 } as never), { code: 'VGM_FIT_OPTION', message: /clp/ })
  })
})

suite('a model as JSON', () => {
  test('comes back as it was, number for number', () => {
    deepEqual(columnModelFromJson(columnModelToJson(model)), model)
    deepEqual(columnModelFromJson(JSON.stringify(model)), model)
    const rounded = columnModel(fitMixture(Float64Array.of(1.25, 2.5, 2.5, 9)), { roundToDecimals: true })
    equal(columnModelFromJson(columnModelToJson(rounded)).roundTo, 2)
  })

  test('is refused where a part is missing or cannot be', () => {
    const refused = (change: Partial<Record<keyof ColumnModel, unknown>>, message: RegExp) =>
      throws(() => columnModelFromJson(JSON.stringify({ ...model, ...change })), { code: 'VGM_MODEL_JSON', message })
    throws(() => columnModelFromJson('{"mean": [1'), { code: 'VGM_MODEL_JSON', message: /no JSON/ })
    throws(() => columnModelFromJson('[]'), { code: 'VGM_MODEL_JSON', message: /no object/ })
    refused({ name: 1 }, /no name/)
    refused({ type: 'decimal' }, /type is "decimal"/)
    refused({ mean: undefined }, /no list mean/)
    refused({ mean: [] }, /0 modes/)
    refused({ mean: [...model.mean, 1] }, /different lengths/)
    refused({ std: model.std.map(() => 0) }, /above 0/)
    refused({ weight: model.weight.map(() => null) }, /weight\[0\] is null/)
    refused({ min: null }, /min is null/)
    refused({ nullable: undefined }, /nullable is missing/)
    refused({ roundTo: -1 }, /roundTo is -1/)
    refused({ histogram: undefined }, /histogram.edges/)
  })
})
