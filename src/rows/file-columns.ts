import { UsageError } from '../errors.ts'
import type { SchemaObject } from './type-copier.ts'

/** The doc of a field that is not called as its column in the file that it was loaded from. */
export function fileColumnDoc(column: string): string {
  return `Column "${column}" of the file`
}

const columnDoc = /^Column "(.*)" of the file$/s

/** What such a doc calls the column; undefined for another text. */
export function columnOfDoc(doc: unknown): string | undefined {
  return typeof doc === 'string' ? columnDoc.exec(doc)?.[1] : undefined
}

/**
 * The field that a name means: one that is called so, or one whose column was called so in the file; a path begins with
 * a field.
 *
 * @param schemas JSON texts of raw records
 * @returns undefined if there is none
 * @throws UsageError if the column has other fields in other schemas
 *
 * @example fieldNamed('Prix total', schemas) // 'Prix_total_2'
 */
export function fieldNamed(name: string, schemas: readonly string[]): string | undefined {
  const fields = schemas.flatMap(fieldsOf)
  const isField = (field: string) => fields.some((each) => each.name === field)
  if (isField(name)) return name
  const doc = fileColumnDoc(name)
  const named = [...new Set(fields.filter((field) => field.doc === doc).map((field) => String(field.name)))]
  if (named.length > 1)
    throw new UsageError(
      `Column "${name}" of the file is ${named.join(' in some rows and ')} in others`,
      `Name one of ${named.join(', ')}`,
    )
  return named[0] ?? (isField(name.split('.')[0]) ? name : undefined)
}

/** The names of the fields, each once. */
export function fieldNamesOf(schemas: readonly string[]): readonly string[] {
  return [...new Set(schemas.flatMap(fieldsOf).map(({ name }) => String(name)))]
}

function fieldsOf(schema: string): readonly SchemaObject[] {
  const { fields } = JSON.parse(schema) as SchemaObject
  return Array.isArray(fields) ? fields : []
}
