import { columnModelProblem } from '../mixture/column-model-problem.ts'
import type { Model, ModelContent } from './model.ts'
import { contentHash, modelRecordProblem } from './model-codec.ts'

/** JSON.rawJSON of ES2025, which the library of types does not have yet. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }

/**
 * The model as text, for a file: what schemas/json/model.schema.json describes. Every number comes back bit for bit,
 * -0 too, which `JSON.stringify` makes 0.
 */
export function modelToJson(model: Model): string {
  // The hash of a record that an older writer has published is over the fields that it knew.
  const current = { ...model, contentSha256: contentHash(model) }
  return JSON.stringify(current, (_, value: unknown) => (Object.is(value, -0) ? rawJSON('-0.0') : value))
}

/** What the file of a model must have, and what it may. */
const required = ['recipe', 'options', 'seed', 'lineage', 'columns'] as const
const known = [
  ...required,
  ...['$schema', 'dataset', 'version', 'createdAtMs', 'contentSha256', 'comparison', 'unseenFrom'],
]

/**
 * The content of a model whose text `modelToJson` has made, or another program. Version, time and notes of a model are
 * those of its topic, and are not taken from the text.
 *
 * @param dataset whose model it is to be, whatever the text says
 * @returns the problem, as a clause, if the text is no model
 */
export function modelFromJson(text: string, dataset: string): ModelContent | string {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return `it is no JSON: ${(error as Error).message}`
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'it is no JSON object'
  const unknown = Object.keys(json).find((name) => !known.includes(name))
  if (unknown !== undefined) return `there is no "${unknown}" in a model`
  const missing = required.find((name) => (json as Record<string, unknown>)[name] === undefined)
  if (missing !== undefined) return `it has no "${missing}"`
  const { recipe, options, seed, lineage, columns, ...rest } = json as ModelContent & Partial<Model>
  const content = { dataset, recipe, options, seed, lineage, columns }
  return columnsProblem(columns) ?? modelRecordProblem(content) ?? hashProblem(content, rest) ?? content
}

function columnsProblem(columns: unknown): string | undefined {
  if (!Array.isArray(columns) || columns.length === 0) return 'it has no columns'
  const names = new Set<unknown>()
  for (const [i, column] of columns.entries()) {
    const problem = columnModelProblem(column)
    if (problem !== undefined) return `column ${JSON.stringify(column?.name ?? i)} is no model of one: ${problem}`
    if (names.has(column.name)) return `it has two columns "${column.name}"`
    names.add(column.name)
  }
  return undefined
}

/** A text whose content was changed by hand, or damaged, says so by its hash. */
function hashProblem(content: ModelContent, { dataset, contentSha256 }: Partial<Model>): string | undefined {
  if (contentSha256 === undefined) return undefined
  if (contentHash({ ...content, dataset: dataset ?? content.dataset }) === contentSha256) return undefined
  return 'its content does not match its contentSha256; leave that out if you have changed the file on purpose'
}
