import { deepEqual, equal, notDeepEqual, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { columnModel, columnModelFromJson, columnModelToJson, fitMixture, Normalizer } from '../../src/mixture/index.ts'
import { column, shapes } from './synthetic-columns.ts'

const values = column(shapes.lognormal, 3_000)
const fitted = fitMixture(values)
const model = columnModel(fitted, { name: 'fare' })
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
    const refusal = { code: 'VGM_MODE_UNKNOWN', message: new RegExp(`row 1 is ${modes}, and the model has modes 0 to`) }
    throws(() => normalizer.restore(Float64Array.of(0, 0), Uint8Array.of(modes - 1, modes), out), refusal)
  })

  test('an option that there is not, by its name', () => {
    const refusal = { code: 'VGM_FIT_OPTION', message: /componets/, fix: /components/ }
    throws(() => fitMixture(values, { componets: 3 } as never), refusal)
    throws(() => fitMixture(values, { recipe: 'sklearn', componets: 3 } as never), refusal)
    throws(() => columnModel(fitMixture(values), { nam: 'x' } as never), { code: 'VGM_FIT_OPTION', message: /nam$/ })
    throws(() => new Normalizer(model, { clp: 1 } as never), { code: 'VGM_FIT_OPTION', message: /clp/ })
  })

  test('arrays of another type, which would cut the numbers or hide what they are, and writes nothing', () => {
    const { values: four, modes: fourModes } = arrays()
    const others = [
      new Int32Array(4),
      new Float32Array(4),
      [0, 0, 0, 0],
      new DataView(new ArrayBuffer(32)),
      null,
      '1234',
    ]
    for (const other of [...others, undefined, 4, fourModes, new Uint8ClampedArray(4)] as never[]) {
      const refused = (call: () => unknown, name: string, type: string) =>
        throws(call, { code: 'VGM_ARRAY_TYPE', message: new RegExp(`^${name} is .*, and must be a ${type}$`) })
      refused(() => normalizer.normalize(other, four, fourModes), 'values', 'Float64Array')
      refused(() => normalizer.normalize(four, other, fourModes), 'outValues', 'Float64Array')
      refused(() => normalizer.restore(other, fourModes, four), 'values', 'Float64Array')
      refused(() => normalizer.restore(four, fourModes, other), 'out', 'Float64Array')
      refused(() => fitMixture(other), 'values', 'Float64Array')
      refused(() => fitted.predict(other), 'values', 'Float64Array')
      refused(() => fitted.responsibilities(other), 'values', 'Float64Array')
      if (other !== undefined) refused(() => fitMixture(four, { weights: other }), 'weights', 'Float64Array')
    }
    for (const other of [...others, new Int8Array(4), four] as never[]) {
      const refusal = { code: 'VGM_ARRAY_TYPE', message: /must be a Uint8Array/ }
      throws(() => normalizer.normalize(four, four, other), { ...refusal, message: /outModes/ })
      throws(() => normalizer.restore(four, other, four), refusal)
    }
    deepEqual([...four], [0, 0, 0, 0])
    // Of a Buffer and of another realm they are right.
    normalizer.normalize(runInNewContext('Float64Array.of(1, 2, 3, 4)'), four, Buffer.alloc(4))
    notDeepEqual([...four], [0, 0, 0, 0])
  })

  test('NaN and infinities in what is restored and looked up', () => {
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const refusal = { code: 'VGM_VALUE_NOT_FINITE', message: /row 1/ }
      const out = Float64Array.of(7, 7)
      throws(() => normalizer.restore(Float64Array.of(0, bad), new Uint8Array(2), out), refusal)
      throws(() => fitted.predict(Float64Array.of(0, bad)), refusal)
      throws(() => fitted.responsibilities(Float64Array.of(0, bad)), refusal)
      deepEqual([...out], [7, 7])
    }
  })

  test('options of a wrong type, with what they may be', () => {
    const wrong = [true, '1', '1e-3', null, [1], {}, Number.NaN, -1, 1n]
    const refused = (call: (value: never) => unknown, name: string, values: readonly unknown[] = wrong) => {
      for (const value of values)
        throws(() => call(value as never), { code: 'VGM_FIT_OPTION', message: new RegExp(`^${name} is `), exitCode: 2 })
    }
    const four = Float64Array.of(1, 2, 3, 4)
    for (const name of ['components', 'weightConcentrationPrior', 'tolerance', 'maxIterations', 'regularization'])
      refused((value) => fitMixture(four, { [name]: value }), name)
    refused((value) => fitMixture(four, { totalRows: value }), 'totalRows')
    for (const name of ['seed', 'starts'])
      refused((value) => fitMixture(four, { recipe: 'sklearn', [name]: value }), name)
    refused((value) => fitMixture(four, { recipe: value }), 'recipe', ['sclaed', 1, ['scaled'], {}, true])
    for (const name of ['clip']) refused((value) => new Normalizer(model, { [name]: value }), name)
    for (const name of ['checks', 'tabulates'])
      refused((value) => new Normalizer(model, { [name]: value }), name, [1, 'true', null, 0])
    const column = (name: string) => (value: never) => columnModel(fitted, { [name]: value })
    for (const name of ['minWeight', 'rows', 'nulls', 'decimals']) refused(column(name), name)
    for (const name of ['min', 'max']) refused(column(name), name, [...wrong.slice(0, 7), 1n])
    refused(column('decimals'), 'decimals', [1.5, 16])
    refused(column('name'), 'name', [1, null, {}])
    refused(column('type'), 'type', ['decimal', 'Double', 1, null, ['double']])
    for (const name of ['nullable', 'roundToDecimals']) refused(column(name), name, [1, 'true', null, 0])
    throws(() => columnModel(fitted, { min: 5, max: 1 }), { code: 'VGM_FIT_OPTION', message: /min is 5, and max is 1/ })
    const counts = [1]
    for (const histogram of [null, {}, [], { edges: [1, 2] }, { edges: [2, 1], counts }, { edges: [1], counts }])
      throws(() => columnModel(fitted, { histogram } as never), { code: 'VGM_FIT_OPTION', message: /^histogram/ })
    for (const histogram of [
      { edges: [1, 2], counts: [-1] },
      { edges: [1, 2], counts: ['1'] },
      { edges: [1, 2], counts, x: 1 },
    ])
      throws(() => columnModel(fitted, { histogram } as never), { code: 'VGM_FIT_OPTION', message: /^histogram/ })
  })

  test('options that are no object, and what is neither mixture nor model', () => {
    for (const options of [null, 'scaled', 3, [], true] as never[]) {
      const refusal = { code: 'VGM_FIT_OPTION', message: /^The options are / }
      throws(() => fitMixture(values, options), refusal)
      throws(() => columnModel(fitted, options), refusal)
      throws(() => new Normalizer(model, options), refusal)
    }
    for (const other of [null, undefined, 1, 'x', {}, []] as never[]) {
      throws(() => columnModel(other), { code: 'VGM_FIT_OPTION', message: /^The mixture is / })
      throws(() => new Normalizer(other), { code: 'VGM_FIT_OPTION', message: /^This is no model of a column: / })
    }
    throws(() => new Normalizer({ ...model, std: [] }), { code: 'VGM_FIT_OPTION', message: /different lengths/ })
    const weight = model.weight.map(() => 1.5)
    throws(() => new Normalizer({ ...model, weight }), { code: 'VGM_FIT_OPTION', message: /not from 0 to 1/ })
    throws(() => fitMixture(values, { recipe: 'sklearn', initialLabels: 3 as never }), { code: 'VGM_FIT_OPTION' })
  })
})

suite('a model as JSON', () => {
  test('comes back as it was, number for number', () => {
    const rounded = columnModel(fitMixture(Float64Array.of(1.25, 2.5, 2.5, 9)), { roundToDecimals: true })
    equal(rounded.roundTo, 2)
    const constant = columnModel(fitMixture(Float64Array.of(3, 3, 3)), { type: 'int', nullable: true, nulls: 4 })
    // One mode for all, which needs no quadratic.
    const huge = columnModel(fitMixture(values.map((x) => x * 1e200)))
    const weighted = columnModel(fitMixture(values, { weights: new Float64Array(values.length).fill(0.3) }))
    const all = columnModel(fitMixture(values, { recipe: 'sklearn', weightConcentrationPrior: 1e-90 }), {
      minWeight: 0,
    })
    for (const each of [model, rounded, constant, huge, weighted, all]) {
      deepEqual(columnModelFromJson(columnModelToJson(each)), each)
      deepEqual(columnModelFromJson(JSON.stringify(each)), each)
    }
  })

  test('has no -0, which comes back as 0', () => {
    equal(columnModelFromJson(columnModelToJson({ ...model, min: -0 })).min, 0)
  })

  test('is refused where a part is missing, unknown or cannot be, when it is read and when it is written', () => {
    const refused = (change: object, message: RegExp) => {
      const refusal = { code: 'VGM_MODEL_JSON', message }
      throws(() => columnModelFromJson(JSON.stringify({ ...model, ...change })), refusal)
      throws(() => columnModelToJson({ ...model, ...change }), refusal)
    }
    throws(() => columnModelFromJson('{"mean": [1'), { code: 'VGM_MODEL_JSON', message: /no JSON/ })
    for (const text of ['[]', 'null', '1', '"x"'])
      throws(() => columnModelFromJson(text), { code: 'VGM_MODEL_JSON', message: /no object/ })
    for (const other of [undefined, null, 1, [], {}, model] as never[])
      throws(() => columnModelFromJson(other), { code: 'VGM_MODEL_JSON', message: /it is .*no text/ })
    for (const other of [undefined, null, 1, 'x', []] as never[])
      throws(() => columnModelToJson(other), { code: 'VGM_MODEL_JSON', message: /it is .*no object/ })
    refused({ name: 1 }, /no name/)
    refused({ type: 'decimal' }, /type is "decimal"/)
    refused({ mean: undefined }, /no list mean/)
    refused({ mean: [] }, /0 modes/)
    refused({ mean: [...model.mean, 1e9] }, /different lengths/)
    refused({ mean: model.mean.toReversed() }, /means do not ascend/)
    refused({ std: model.std.map(() => 0) }, /above 0/)
    refused({ std: model.std.map((std) => 2 * std) }, /precision\[0\] is .*, and std\[0\] is/)
    refused({ precision: model.precision.map(() => 0) }, /precision\[0\] is 0/)
    refused({ precision: model.precision.map((p) => p * 1.001) }, /precision\[0\]/)
    refused({ weight: model.weight.map(() => null) }, /weight\[0\] is null/)
    refused({ weight: model.weight.map(() => 1) }, /weights sum to/)
    refused({ weight: model.weight.map(() => 0) }, /weights sum to 0/)
    refused({ weight: [-0.1, ...model.weight.slice(1)] }, /a weight is not from 0 to 1/)
    refused({ min: null }, /min is null/)
    refused({ min: model.max, max: model.min }, /min is .*, and max is/)
    for (const name of ['rows', 'nulls', 'decimals', 'iterations'] as const) {
      refused({ [name]: -1 }, new RegExp(`${name} is -1`))
      refused({ [name]: '1' }, new RegExp(`${name} is "1"`))
    }
    refused({ decimals: 16 }, /decimals is 16/)
    refused({ iterations: 1.5 }, /iterations is 1.5/)
    refused({ nullable: undefined }, /nullable is missing/)
    refused({ converged: 1 }, /converged is 1/)
    for (const roundTo of [-1, 15, 0.5, '2', null]) refused({ roundTo }, /roundTo is /)
    for (const type of ['int', 'long']) refused({ type, roundTo: 2 }, /only double and float are rounded/)
    refused({ histogram: undefined }, /histogram is missing/)
    refused({ histogram: { edges: [1, 2], counts: [1, 2] } }, /2 edges and 2 counts/)
    refused({ histogram: { edges: [2, 1], counts: [1] } }, /edges of its histogram do not ascend/)
    refused({ histogram: { edges: [1, 2], counts: [-1] } }, /count of its histogram is below 0/)
    refused({ histogram: { edges: [1, 2], counts: [1], bins: 1 } }, /no bins in a histogram/)
    refused({ variance: [1] }, /no variance in one/)
  })
})
