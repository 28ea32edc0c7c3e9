import { shown } from './check-options.ts'
import type { ColumnModel } from './column-model.ts'
import { columnModelProblem } from './column-model-problem.ts'
import { ColumnModelJsonError } from './errors.ts'

/**
 * The model as text, to be kept in a file or a database. Every number comes back as it is, but -0, which JSON has
 * not: it comes back as 0.
 *
 * @throws ColumnModelJsonError for what is no model
 */
export function columnModelToJson(model: ColumnModel): string {
  return JSON.stringify(checked(model))
}

/**
 * The model of a column that columnModelToJson, or JSON.stringify, has made a text of.
 *
 * @example
 * columnModelFromJson(columnModelToJson(model)) // equal to model
 *
 * @throws ColumnModelJsonError if it is no JSON, or a part of the model is missing, unknown or cannot be
 */
export function columnModelFromJson(json: string): ColumnModel {
  if (typeof json !== 'string') throw new ColumnModelJsonError(`it is ${shown(json)}, and no text`)
  let model: unknown
  try {
    model = JSON.parse(json)
  } catch (cause) {
    throw new ColumnModelJsonError('it is no JSON', cause)
  }
  return checked(model)
}

function checked(model: unknown): ColumnModel {
  const problem = columnModelProblem(model)
  if (problem !== undefined) throw new ColumnModelJsonError(problem)
  return model as ColumnModel
}
