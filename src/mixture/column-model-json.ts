import type { ColumnModel, NumericType } from './column-model.ts'
import { ColumnModelJsonError } from './errors.ts'

const types: readonly NumericType[] = ['int', 'long', 'float', 'double']
const numbers = ['rows', 'nulls', 'min', 'max', 'decimals', 'lowerBound', 'iterations'] as const
const lists = ['weight', 'mean', 'std', 'offset', 'precision'] as const
const mostModes = 255

/** The model as text, to be kept in a file or a database. Every number comes back as it is. */
export function columnModelToJson(model: ColumnModel): string {
  return JSON.stringify(model)
}

/**
 * The model of a column that columnModelToJson, or JSON.stringify, has made a text of.
 *
 * @example
 * columnModelFromJson(columnModelToJson(model)) // equal to model
 *
 * @throws ColumnModelJsonError if it is no JSON, or a part of the model is missing or cannot be
 */
export function columnModelFromJson(json: string): ColumnModel {
  const model = parsed(json)
  if (typeof model.name !== 'string') throw new ColumnModelJsonError('it has no name')
  if (!types.includes(model.type as NumericType)) throw new ColumnModelJsonError(`its type is ${text(model.type)}`)
  for (const name of ['nullable', 'converged'] as const)
    if (typeof model[name] !== 'boolean') throw new ColumnModelJsonError(`${name} is ${text(model[name])}`)
  for (const name of numbers)
    if (!Number.isFinite(model[name])) throw new ColumnModelJsonError(`${name} is ${text(model[name])}`)
  if (model.roundTo !== undefined && !(Number.isInteger(model.roundTo) && Number(model.roundTo) >= 0))
    throw new ColumnModelJsonError(`roundTo is ${text(model.roundTo)}`)
  for (const name of lists) checkNumbers(name, model[name])
  const { mean, std, precision } = model as unknown as ColumnModel
  if (mean.length < 1 || mean.length > mostModes) throw new ColumnModelJsonError(`it has ${mean.length} modes`)
  const other = lists.find((name) => (model[name] as number[]).length !== mean.length)
  if (other !== undefined) throw new ColumnModelJsonError(`mean and ${other} are of different lengths`)
  if (!std.every((value) => value > 0) || !precision.every((value) => value > 0))
    throw new ColumnModelJsonError('a std or a precision is not above 0')
  const { edges, counts } = (model.histogram ?? {}) as Record<string, unknown>
  checkNumbers('histogram.edges', edges)
  checkNumbers('histogram.counts', counts)
  return model as unknown as ColumnModel
}

function parsed(json: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new ColumnModelJsonError('it is no JSON', cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ColumnModelJsonError('it is no object')
  return value as Record<string, unknown>
}

function checkNumbers(name: string, list: unknown): void {
  if (!Array.isArray(list)) throw new ColumnModelJsonError(`it has no list ${name}`)
  const other = list.findIndex((value) => !Number.isFinite(value))
  if (other >= 0) throw new ColumnModelJsonError(`${name}[${other}] is ${text(list[other])}`)
}

function text(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value)
}
