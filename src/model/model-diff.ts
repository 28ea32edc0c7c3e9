import { intervalMass } from '../drift/mixture-density.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { likeliestMode } from '../mixture/likeliest-mode.ts'
import type { Model } from './model.ts'

/** A mode of the older model and the one of the newer model that has most of its rows; undefined for none. */
export interface ModePair {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly weight: readonly [from: number | undefined, to: number | undefined]
  /** in the unit of the column */
  readonly mean: readonly [from: number | undefined, to: number | undefined]
  readonly std: readonly [from: number | undefined, to: number | undefined]
}

/** What two models of a column differ by. */
export interface ColumnDiff {
  readonly name: string
  /** by the older mode's mean, those without one last */
  readonly modes: readonly ModePair[]
  /** share of weight that has moved to other modes: half the sum of the pairs' differences */
  readonly movedMass: number
  /** share of the rows of the newer model that have the partner of no mode that they had: consumers see them change */
  readonly changedMode: number
  /** total variation: the largest difference of the shares of any set of values, from 0 to 1 */
  readonly distance: number
}

export interface ModelDiff {
  readonly dataset: string
  readonly versions: readonly [from: number, to: number]
  readonly columns: readonly ColumnDiff[]
  /** modelled by one of the two only */
  readonly removed: readonly string[]
  readonly added: readonly string[]
}

export function modelDiff(from: Model, to: Model): ModelDiff {
  const before = new Map(from.columns.map((column) => [column.name, column]))
  const after = new Set(to.columns.map(({ name }) => name))
  return {
    dataset: to.dataset,
    versions: [from.version, to.version],
    columns: to.columns.flatMap((column) => {
      const older = before.get(column.name)
      return older === undefined ? [] : [columnDiff(older, column)]
    }),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    added: [...after].filter((name) => !before.has(name)),
  }
}

/** Distance of the cells' ends around each mean, and how far they reach, in the mode's standard deviations. */
const cellStds = 0.05
const reachStds = 8

/** Integrates over cells that are narrow wherever a mode of either is; each has one mode of each model. */
export function columnDiff(from: ColumnModel, to: ColumnModel): ColumnDiff {
  const ends = cellEnds([from, to])
  const [modesBefore, modesAfter] = [quadratics(from), quadratics(to)]
  /** rows of the newer model, by mode of the older and of the newer one */
  const shared = from.mean.map(() => new Float64Array(to.mean.length))
  let distance = 0
  for (let i = 0; i + 1 < ends.length; i++) {
    const [low, high] = [ends[i], ends[i + 1]]
    const mass = intervalMass(to, low, high)
    const middle = low / 2 + high / 2
    shared[likeliestMode(modesBefore, middle)][likeliestMode(modesAfter, middle)] += mass
    distance += Math.abs(mass - intervalMass(from, low, high)) / 2
  }
  const partners = matched(shared)
  const pairs = from.mean.map((_, k) => [k, partners.get(k)] as const)
  const alone = to.mean.flatMap((_, k) => ([...partners.values()].includes(k) ? [] : [[undefined, k] as const]))
  const modes = [...pairs, ...alone].map(([a, b]) => pairOf(from, a, to, b))
  const kept = [...partners].reduce((sum, [a, b]) => sum + shared[a][b], 0)
  const all = shared.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0)
  const total = (column: ColumnModel) => column.weight.reduce((sum, share) => sum + share, 0)
  const moved = modes.reduce(
    (sum, { weight: [a = 0, b = 0] }) => sum + Math.abs(b / total(to) - a / total(from)) / 2,
    0,
  )
  return {
    name: to.name,
    modes,
    movedMass: moved,
    changedMode: Math.max(0, 1 - kept / all),
    distance: Math.min(1, distance),
  }
}

function pairOf(from: ColumnModel, a: number | undefined, to: ColumnModel, b: number | undefined): ModePair {
  const of = (part: 'weight' | 'mean' | 'std') =>
    [a === undefined ? undefined : from[part][a], b === undefined ? undefined : to[part][b]] as const
  return { from: a, to: b, weight: of('weight'), mean: of('mean'), std: of('std') }
}

/** Pairs of modes, those that share most rows first; none without a shared row. */
function matched(shared: readonly Float64Array[]): ReadonlyMap<number, number> {
  const pairs = shared.flatMap((row, a) => Array.from(row, (rows, b) => ({ a, b, rows })))
  const partners = new Map<number, number>()
  const taken = new Set<number>()
  for (const { a, b, rows } of pairs.sort((one, other) => other.rows - one.rows)) {
    if (!(rows > 0) || partners.has(a) || taken.has(b)) continue
    partners.set(a, b)
    taken.add(b)
  }
  return partners
}

function cellEnds(columns: readonly ColumnModel[]): Float64Array {
  const ends = columns.flatMap(({ mean, std }) =>
    mean.flatMap((m, k) =>
      Array.from({ length: (2 * reachStds) / cellStds + 1 }, (_, i) => m + (i * cellStds - reachStds) * std[k]),
    ),
  )
  return Float64Array.from(ends.filter(Number.isFinite)).sort()
}

const quadratics = ({ offset, mean, precision }: ColumnModel) => ({
  offset: Float64Array.from(offset),
  mean: Float64Array.from(mean),
  precision: Float64Array.from(precision),
})
