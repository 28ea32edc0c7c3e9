import { PipelineError } from '../errors.ts'
import type { SchemaSource } from '../ports/log.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { rowErrors } from '../rows/row-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import type { MetSchema } from './choose-columns.ts'
import type { KnownSchema } from './passed-over.ts'
import type { RowCensus } from './row-census.ts'
import { RowSchemas } from './row-schemas.ts'

/** Schemas that no row could be read with, and that are asked for again to know why. */
const mostUnknown = 20

/** The schemas that the rows of a census name. */
export class KnownSchemas {
  readonly #schemas: RowSchemas
  readonly #known = new Map<RowSchemaName, KnownSchema>()

  constructor(source: SchemaSource) {
    this.#schemas = new RowSchemas(source)
  }

  /** Those that can be used, by their names. */
  async met(census: RowCensus): Promise<readonly MetSchema[]> {
    const schemaOf = await this.of(census)
    const met = [...census.schemas].flatMap(([name, { rows }]) => {
      const known = schemaOf(name)
      return 'json' in known ? [{ name, json: known.json, rows }] : []
    })
    return met.sort((a, b) => compareNames(a.name, b.name))
  }

  /** What is known of each of them. */
  async of({ schemas }: RowCensus): Promise<(name: RowSchemaName) => KnownSchema> {
    let unknown = 0
    for (const [name, { rows, failed }] of schemas) {
      if (failed.get(rowErrors.unknownSchema) === rows && ++unknown > mostUnknown) continue
      if (!this.#known.has(name)) this.#known.set(name, await this.#find(name))
    }
    return (name) => this.#known.get(name) ?? { problem: 'the registry knows no Avro schema of this id' }
  }

  async #find(name: RowSchemaName): Promise<KnownSchema> {
    const found = await this.#schemas.named(name)
    if ('problem' in found) return found
    try {
      parseAvroSchema(found.json)
      return found
    } catch (error) {
      if (error instanceof PipelineError) return { problem: error.message }
      throw error
    }
  }
}

/** Ids before other names, each in their order: members count rows in any. */
function compareNames(a: RowSchemaName, b: RowSchemaName): number {
  if (typeof a === 'number' || typeof b === 'number')
    return typeof a !== 'number' ? 1 : typeof b !== 'number' ? -1 : a - b
  return a < b ? -1 : 1
}
