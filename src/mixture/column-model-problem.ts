import { baselineProblem } from './baseline.ts'
import { isNumberIn, isWholeIn, shown } from './check-options.ts'
import { type ColumnModel, numericTypes } from './column-model.ts'
import { mostDecimals } from './decimals.ts'
import { histogramProblem } from './histogram.ts'
import { isAscending, listProblem, told } from './list-problem.ts'

const numbers = ['rows', 'nulls', 'min', 'max', 'decimals', 'lowerBound', 'iterations'] as const
const lists = ['weight', 'mean', 'std', 'offset', 'precision'] as const
const parts: readonly (keyof ColumnModel)[] = [
  ...numbers,
  ...lists,
  ...(['name', 'type', 'nullable', 'roundTo', 'converged', 'histogram', 'baseline'] as const),
]
const mostModes = 255
/** What the weights may sum to beyond 1, and precision times variance may differ from 1 by. */
const rounding = 1e-6

/**
 * Why something is no model of a column, as a clause; undefined if it is one. Normalize and restore would take it, and
 * give wrong numbers.
 */
export function columnModelProblem(model: unknown): string | undefined {
  if (typeof model !== 'object' || model === null || Array.isArray(model)) return `it is ${shown(model)}, and no object`
  const unknown = Object.keys(model).find((name) => !parts.includes(name as keyof ColumnModel))
  if (unknown !== undefined) return `there is no ${unknown} in one`
  return factsProblem(model as ColumnModel) ?? modesProblem(model as ColumnModel) ?? orderProblem(model as ColumnModel)
}

/** The same of the parts that turn numbers into modes and back. */
export function modesProblem(model: ColumnModel): string | undefined {
  const { type, roundTo, weight, mean, std } = model
  if (!numericTypes.includes(type)) return `its type is ${told(type)}`
  if (roundTo !== undefined && !isWholeIn(roundTo, 0, mostDecimals - 1)) return `roundTo is ${shown(roundTo)}`
  for (const name of lists) {
    const problem = listProblem(name, model[name])
    if (problem !== undefined) return problem
  }
  if (mean.length < 1 || mean.length > mostModes) return `it has ${mean.length} modes`
  const other = lists.find((name) => model[name].length !== mean.length)
  if (other !== undefined) return `mean and ${other} are of different lengths`
  if (!std.every((value) => value > 0)) return 'a std is not above 0'
  if (!weight.every((share) => isNumberIn(share, 0, 1 + rounding))) return 'a weight is not from 0 to 1'
  return undefined
}

function factsProblem(model: ColumnModel): string | undefined {
  const { name, nullable, converged, type, roundTo, min, max } = model
  if (typeof name !== 'string') return 'it has no name'
  for (const [part, value] of Object.entries({ nullable, converged }))
    if (typeof value !== 'boolean') return `${part} is ${told(value)}`
  for (const part of numbers) if (!Number.isFinite(model[part])) return `${part} is ${told(model[part])}`
  for (const part of ['rows', 'nulls'] as const) if (model[part] < 0) return `${part} is ${model[part]}`
  if (!isWholeIn(model.decimals, 0, mostDecimals)) return `decimals is ${model.decimals}`
  if (!isWholeIn(model.iterations, 0, Number.MAX_SAFE_INTEGER)) return `iterations is ${model.iterations}`
  if (min > max) return `min is ${min}, and max is ${max}`
  if (roundTo !== undefined && type !== 'double' && type !== 'float')
    return `roundTo is ${shown(roundTo)}, and its type is ${told(type)}: only double and float are rounded`
  return histogramProblem(model.histogram) ?? (model.baseline && baselineProblem(model.baseline))
}

/** What modes among themselves must be: ordered, shares of 1, and as narrow as they say twice. */
function orderProblem({ weight, mean, std, offset, precision }: ColumnModel): string | undefined {
  if (!isAscending(mean)) return 'its means do not ascend'
  const shares = weight.reduce((sum, share) => sum + share, 0)
  if (!isNumberIn(shares, Number.MIN_VALUE, 1 + rounding)) return `its weights sum to ${shares}`
  // A column beyond the range of quadratics has one mode that needs none.
  if (mean.length === 1 && precision[0] === 0 && offset[0] === 0) return undefined
  const other = precision.findIndex((p, k) => !(Math.abs(p * std[k] * std[k] - 1) <= rounding))
  if (other >= 0) return `precision[${other}] is ${precision[other]}, and std[${other}] is ${std[other]}`
  return undefined
}
