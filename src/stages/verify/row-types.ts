import avro from 'avsc'
import { hasCounts, isWholeValue } from '../../avro/whole-value.ts'
import { wideLongType } from '../../avro/wide-long.ts'
import { lookUpSchemas } from '../look-up-schemas.ts'
import { headerBytes, schemaIdOf } from './framing.ts'
import type { Source, StockRow } from './stock-log.ts'

/** A decoded record: its fields by name. */
export type Fields = Record<string, unknown>

/** A field of a row as its schema has it. */
export interface RowField {
  readonly name: string
  /** Avro type of the raw column, where the field is a `ModeValue` */
  readonly modelledType: string | undefined
  /** Avro type of a plain or nullable number; undefined for every other field */
  readonly numericType: string | undefined
}

/** A schema that rows are written with, compiled once. */
export interface RowType {
  readonly id: number
  readonly type: avro.Type
  /** the same with every long as a bigint: those beyond 2^53 fit nothing else */
  readonly wideType: avro.Type
  /** whether its values hold counts, which may be wrong */
  readonly hasCounts: boolean
  readonly fields: readonly RowField[]
  /** of a normalized schema: the model that its rows are stamped with, if it says so */
  readonly stamped: { readonly version: number; readonly content: string } | undefined
  /** of the parsing canonical form: equal for schemas that write the same bytes */
  readonly fingerprint: string
  /** whether it has a name that a normalized schema adds: unless normalize was told another one, it cannot take these rows */
  readonly takesOurNames: boolean
}

/** The Avro types of the rows met so far, by schema id. */
export class RowTypes {
  readonly #schemaById: (id: number) => Promise<string | undefined>
  readonly #types = new Map<number, RowType | undefined>()

  /** @param schemaById JSON of a schema; undefined if the registry knows none */
  constructor(schemaById: (id: number) => Promise<string | undefined>) {
    this.#schemaById = schemaById
  }

  /** Undefined for an id that the registry does not know or whose schema is no record. Only for rows that `prepared` has given. */
  get(id: number): RowType | undefined {
    return this.#types.get(id)
  }

  /** The type of a schema, asked for if it was not met yet. */
  async load(id: number): Promise<RowType | undefined> {
    if (!this.#types.has(id)) this.#types.set(id, compileRowType(id, await this.#schemaById(id)))
    return this.#types.get(id)
  }

  /** The same rows, given when the types of all of them are known. */
  prepared(rows: Source<StockRow>): Source<StockRow> {
    return {
      next: async () => {
        const piece = await rows.next()
        const missing = new Set<number>()
        for (const { value } of piece ?? []) {
          const id = value === null ? undefined : schemaIdOf(value)
          if (id !== undefined && !this.#types.has(id)) missing.add(id)
        }
        const schemas = await lookUpSchemas({ schemaById: this.#schemaById }, missing)
        for (const [id, schema] of schemas) this.#types.set(id, compileRowType(id, schema))
        return piece
      },
    }
  }
}

/** Fields of a framed row; undefined if its bytes are not exactly one record of the type. */
export function decodeRow({ type, wideType, hasCounts }: RowType, value: Buffer): Fields | undefined {
  if (hasCounts && !isWholeValue(type, value, headerBytes)) return undefined
  return decodeWith(type, value) ?? decodeWith(wideType, value)
}

/** As `decodeRow`, with numbers only: undefined also if a long is beyond 2^53. */
export function decodeWith(type: avro.Type, value: Buffer): Fields | undefined {
  try {
    const { value: fields, offset } = type.decode(value, headerBytes)
    return offset === value.length ? fields : undefined
  } catch {
    return undefined
  }
}

function compileRowType(id: number, schema: string | undefined): RowType | undefined {
  if (schema === undefined) return undefined
  try {
    const json = JSON.parse(schema) as {
      fields: { name: string; type: unknown; 'vgm.type'?: string }[]
      'vgm.model'?: RowType['stamped']
    }
    const types: Record<string, avro.Type> = {}
    const type = avro.Type.forSchema(JSON.parse(schema), { registry: types })
    return {
      id,
      type,
      hasCounts: hasCounts(schema),
      wideType: wideLongType(JSON.parse(schema)),
      fields: json.fields.map((field) => ({
        name: field.name,
        modelledType: field['vgm.type'],
        numericType: numericType(field.type),
      })),
      stamped: json['vgm.model'],
      fingerprint: type.fingerprint('sha256').toString('hex'),
      takesOurNames:
        json.fields.some(({ name }) => name === 'model_version') ||
        [`${type.name}Normalized`, 'io.vgmstream.ModeValue'].some((name) => Object.hasOwn(types, name)),
    }
  } catch {
    // Its rows are dead letters; any that are not get reported one by one.
    return undefined
  }
}

function numericType(json: unknown): string | undefined {
  const branches = (Array.isArray(json) ? json : [json]).filter((branch) => branch !== 'null')
  const type = branches.length === 1 ? ((branches[0] as { type?: unknown }).type ?? branches[0]) : undefined
  return typeof type === 'string' && ['int', 'long', 'float', 'double'].includes(type) ? type : undefined
}
