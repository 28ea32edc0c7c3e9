import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ColumnModel, columnModel, type NumericType, numericTypes } from '../../src/mixture/column-model.ts'
import { columnModelToJson } from '../../src/mixture/column-model-json.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { PosteriorDraw } from '../../src/mixture/posterior-draw.ts'
import { hashStart, rowHash, seedFor } from '../../src/stages/row-hash.ts'
import { SeededDraw } from '../seeded-random.ts'

interface Mode {
  readonly weight: number
  readonly mean: number
  readonly std: number
}

function modelOf(modes: readonly Mode[], type: NumericType, more: Partial<ColumnModel> = {}): ColumnModel {
  const all = modes.reduce((sum, { weight }) => sum + weight, 0)
  const sorted = [...modes].sort((a, b) => a.mean - b.mean)
  return {
    ...{ name: 'x', type, nullable: true, rows: 1, nulls: 0, min: 0, max: 0, decimals: 15 },
    weight: sorted.map(({ weight }) => weight / all),
    mean: sorted.map(({ mean }) => mean),
    std: sorted.map(({ std }) => std),
    offset: sorted.map(({ weight, std }) => Math.log(weight / all / std)),
    precision: sorted.map(({ std }) => 1 / std / std),
    ...{ lowerBound: 0, iterations: 0, converged: true, histogram: { edges: [0, 1], counts: [1] } },
    ...more,
  }
}

const isInteger = (type: NumericType) => type === 'int' || type === 'long'
/** Beyond it normalize makes integers dead letters. */
const integerLimit = 2 ** 49

/** A number that a column of the type can have. */
function asType(x: number, type: NumericType): number {
  if (type === 'float') return Math.fround(x)
  if (!isInteger(type)) return x
  const limit = type === 'int' ? 2 ** 31 - 1 : integerLimit - 1
  return Math.round(Math.min(Math.max(x, -limit), limit))
}

/** Models that are hard to evaluate: twins, needles, tails, hundreds of modes, one without a quadratic. */
function models(type: NumericType, draw: SeededDraw): readonly ColumnModel[] {
  const normal = () => Math.sqrt(-2 * Math.log(1 - draw.unit())) * Math.cos(2 * Math.PI * draw.unit())
  const fitted = Float64Array.from({ length: 20_000 }, () =>
    asType(draw.oneOf([normal() * 3 - 20, normal() * 40 + 100, Math.exp(normal() * 2) * 10]), type),
  )
  const many = (count: number, spread: number): Mode[] =>
    Array.from({ length: count }, () => ({
      weight: draw.unit() + 1e-3,
      mean: asType(normal() * spread, type),
      std: spread * 10 ** (-3 * draw.unit()),
    }))
  const rounds = isInteger(type) ? {} : { roundTo: 2 }
  return [
    columnModel(fitMixture(fitted), { type, nullable: true, roundToDecimals: false }),
    modelOf(many(3, 1_000), type, rounds),
    modelOf(many(10, 50), type),
    modelOf(many(10, 1e8), type),
    modelOf(many(type === 'double' ? 255 : 40, 1e4), type),
    modelOf(
      [
        { weight: 1, mean: 5, std: 2 },
        { weight: 1, mean: 5, std: 2 },
        { weight: 1, mean: 5, std: 2.0000000000000004 },
        { weight: 1e-9, mean: 1.7e12, std: 1e-3 },
      ],
      type,
    ),
    ...(type === 'double'
      ? [
          modelOf(
            [
              { weight: 1, mean: -1e-130, std: 1e-139 },
              { weight: 1, mean: 0, std: 1 },
              { weight: 1, mean: 1e139, std: 1e139 },
            ],
            type,
          ),
          modelOf([{ weight: 1, mean: 1e300, std: 1e307 }], type, { offset: [0], precision: [0] }),
          modelOf([{ weight: 1, mean: 0, std: 5e-324 }], type, { offset: [0], precision: [0] }),
        ]
      : []),
  ]
}

/** Where the scores of two modes cross. */
function boundaries({ offset, mean, precision }: ColumnModel): number[] {
  return mean.flatMap((m, i) =>
    mean.slice(Math.max(0, i - 12), i).flatMap((n, j) => {
      const k = Math.max(0, i - 12) + j
      const a = (precision[k] - precision[i]) / 2
      const b = -precision[k] * (n - m)
      const c = offset[i] - offset[k] + (precision[k] / 2) * (n - m) * (n - m)
      const root = Math.sqrt(b * b - 4 * a * c)
      return [(-b + root) / (2 * a), (-b - root) / (2 * a), -c / b].map((x) => x + m).filter(Number.isFinite)
    }),
  )
}

/** The double `steps` ulp away from x. */
function stepped(x: number, steps: number): number {
  const double = Float64Array.of(x)
  const bits = new BigInt64Array(double.buffer)
  bits[0] += BigInt(steps)
  return Number.isFinite(double[0]) ? double[0] : x
}

const special = [
  ...[0, 5e-324, 1e-320, 2 ** -1022, 1e-300, 1e-16, 0.1, 0.5, 1, 1.5, 2 ** 31, 2 ** 49 - 1, 2 ** 52, 2 ** 53],
  ...[1e19, 1e139, 1e300, 1e307, 1e308, Number.MAX_VALUE],
].flatMap((x) => [x, -x])

/** Values that rounding decides about, then numbers as the model has them and of any bits. */
function valuesOf(model: ColumnModel, count: number, draw: SeededDraw): Float64Array {
  const { mean, std, type } = model
  const corners = [...special, ...mean, ...mean.flatMap((m, k) => [m - 4 * std[k], m + 4 * std[k], m + 1e9 * std[k]])]
  const edges = boundaries(model)
    .slice(0, 4_000)
    .flatMap((x) => [0, 1, -1, 2, -2, 17, -17, 64].map((steps) => stepped(x, steps)))
  const bits = new BigInt64Array(1)
  const double = new Float64Array(bits.buffer)
  const drawn = () => {
    if (draw.unit() < 0.2) {
      bits[0] = BigInt.asIntN(64, (BigInt(draw.below(2 ** 32)) << 32n) | BigInt(draw.below(2 ** 32)))
      return Number.isFinite(double[0]) ? double[0] : 0
    }
    const k = draw.below(mean.length)
    const x = mean[k] + std[k] * 12 * (draw.unit() - 0.5)
    return Number.isFinite(x) ? x : 0
  }
  const all = [...corners, ...edges].filter(Number.isFinite)
  const values = Float64Array.from({ length: Math.max(count, all.length) }, (_, i) =>
    i < all.length ? all[i] : drawn(),
  )
  return values.map((x) => asType(x, type)).filter(Number.isFinite)
}

/** What rows draw their rare categories with, as `vgm load --as` does. */
function draws() {
  const rows = [0, 1, 2, 9_999, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 1]
  return [0, 1, 2 ** 31, 2 ** 32 - 1].flatMap((seed) =>
    ['origin', 'a.b', 'Größe'].map((column) => {
      const start = hashStart(seedFor(seed, column), 0)
      return { seed, column, rows, hashes: rows.map((row) => rowHash(start, 0, row)) }
    }),
  )
}

/**
 * Writes models, values and what `Normalizer` makes of them, a folder each: model.json, x, value, mode, restored, and
 * the same for cut values and for drawn modes. Beside them draws.json, what rare categories are drawn with.
 *
 * @param count values of each model
 * @returns how many values there are
 */
export function writeParity(folder: string, count: number): number {
  let all = 0
  for (const type of numericTypes) {
    const draw = new SeededDraw(numericTypes.indexOf(type) + 1)
    for (const [i, model] of models(type, draw).entries()) {
      const at = join(folder, `${type}-${i}`)
      mkdirSync(at, { recursive: true })
      const x = valuesOf(model, count, draw)
      const [value, mode] = [new Float64Array(x.length), new Uint8Array(x.length)]
      const write = (name: string, array: Float64Array | Uint8Array) => writeFileSync(join(at, name), array)
      writeFileSync(join(at, 'model.json'), columnModelToJson(model))
      write('x.f64', x)
      const normalizer = new Normalizer(model)
      normalizer.normalize(x, value, mode)
      write('value.f64', value)
      write('mode.u8', mode)
      // What could not be restored is no number.
      const restorable = value.map((v) => (Number.isNaN(v) ? 0 : v))
      const restored = new Float64Array(x.length)
      normalizer.restore(restorable, mode, restored)
      write('restored.f64', restored)
      // The table of modes, which takes longest for hundreds of them, has been compared above.
      new Normalizer(model, { clip: 0.99, tabulates: false }).normalize(x, value, mode)
      write('clipped.f64', value)
      const uniforms = Float64Array.from(x, () => draw.unit())
      new PosteriorDraw(model).normalize(x, uniforms, value, mode)
      write('uniform.f64', uniforms)
      write('drawn-value.f64', value)
      write('drawn-mode.u8', mode)
      all += x.length
    }
  }
  writeFileSync(join(folder, 'draws.json'), JSON.stringify(draws()))
  return all
}
