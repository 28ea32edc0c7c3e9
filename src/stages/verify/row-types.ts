import type avro from 'avsc'
import { numberLongType } from '../../avro/number-long.ts'
import { hasCounts, isWholeValue } from '../../avro/whole-value.ts'
import { wideLongType } from '../../avro/wide-long.ts'
import type { SchemaSource } from '../../ports/log.ts'
import type { Source, StockRow } from '../../ports/stock-log.ts'
import { type AvroType, fullName, isPrimitiveName, parseAvroSchema } from '../../rows/avro-schema.ts'
import { plainFieldName, plainSchema } from '../../rows/plain-schema.ts'
import { SchemaKeys, type SchemaName } from '../../rows/schema-name.ts'
import { collectTypes, type TypeDefinition } from '../../rows/type-copier.ts'
import { unionBranches } from '../../rows/whole-schema.ts'
import { lookUpSchemas } from '../look-up-schemas.ts'
import { framedAnew, headerBytes, headerSchemaOf, schemaIdOf } from './audited-framing.ts'

/** A decoded record: its fields by name. */
export type Fields = Record<string, unknown>

/** The type of a plain or nullable field. */
export interface PlainType {
  readonly type: string
  readonly logicalType?: string | undefined
}

/** A field of a row as its schema has it. */
interface RowField {
  /** as avsc knows it, see `plainFieldName` */
  readonly name: string
  /** undefined for a wider union, and for what is nested */
  readonly plainType: PlainType | undefined
  /** Avro type of the raw column, where the field is a `ModeValue` */
  readonly modelledType: string | undefined
  /** of a normalized row: those of a record, nullable or not, with a `ModeValue` in it; else empty */
  readonly fields: readonly RowField[]
}

/** How a number stands in a row. */
export interface NumberType {
  readonly type: 'int' | 'long' | 'float' | 'double' | 'decimal'
  /** digits of a decimal after the point */
  readonly scale: number
}

/** A schema that rows are written with, compiled once. */
export interface RowType {
  readonly id: number
  readonly schema: AvroType
  readonly type: avro.Type
  /** the same with every long as a bigint: those beyond 2^53 fit nothing else */
  readonly wideType: avro.Type
  /** whether its values hold counts, which may be wrong */
  readonly hasCounts: boolean
  readonly fields: readonly RowField[]
  /** The number at a path: names of fields, with dots between them; undefined if there is none. */
  readonly number: (path: string) => NumberType | undefined
  /** of a normalized schema: the model that its rows are stamped with, if it says so */
  readonly stamped: { readonly version: number; readonly content: string } | undefined
  /** of the parsing canonical form: equal for schemas that write the same bytes */
  readonly fingerprint: string
  /**
   * whether it has a name that a normalized schema adds: unless normalize was told another one, it cannot take these
   * rows
   */
  readonly takesOurNames: boolean
}

/** The Avro types of the rows met so far, by schema id. */
export class RowTypes {
  readonly #schemaById: SchemaSource['schemaById']
  readonly #keys = new SchemaKeys()
  /** by id, or by a number of ours for a schema that rows name in another way */
  readonly #types = new Map<number, RowType | undefined>()
  /** of schemas that are unions at their top, the number of each branch */
  readonly #branches = new Map<number, readonly (number | undefined)[]>()

  /** @param schemaById JSON of a schema; undefined if the registry knows none */
  constructor(schemaById: SchemaSource['schemaById']) {
    this.#schemaById = schemaById
  }

  /**
   * Undefined for an id that the registry does not know or whose schema is no record. Only for rows that `prepared` has
   * given.
   */
  get(id: number): RowType | undefined {
    return this.#types.get(id)
  }

  /** The type of a schema, asked for if it was not met yet. */
  async load(id: number): Promise<RowType | undefined> {
    if (this.#types.has(id)) return this.#types.get(id)
    return this.#take(id, await this.#schemaById(this.#keys.nameOf(id) as SchemaName))
  }

  #take(id: number, schema: string | undefined): RowType | undefined {
    const name = this.#keys.nameOf(id) as SchemaName
    const branches = schema === undefined ? undefined : branchesOf(schema)
    if (branches !== undefined) {
      const keys = branches.map((_, branch) => this.#keys.keyOf(`${name}#${branch}`))
      for (const [branch, key] of keys.entries())
        if (key !== undefined) this.#types.set(key, compileRowType(key, branches[branch]))
      this.#branches.set(id, keys)
    }
    this.#types.set(id, branches === undefined ? compileRowType(id, schema) : undefined)
    return this.#types.get(id)
  }

  #keyOf({ value, headers }: StockRow): number | undefined {
    if (value === null) return undefined
    const inHeader = headerSchemaOf(headers)
    if (inHeader !== undefined) return this.#keys.keyOf(inHeader)
    const id = schemaIdOf(value)
    // Registries assign none below 0, and here those are the keys of other names.
    return id !== undefined && id >= 0 ? id : undefined
  }

  /**
   * Whether a row can be decoded as it is, its type being known: nearly all can, and a look at each should cost little.
   */
  #isOrdinary({ value, headers }: StockRow): boolean {
    const id = value === null ? undefined : schemaIdOf(value)
    return id !== undefined && id >= 0 && this.#types.get(id) !== undefined && headerSchemaOf(headers) === undefined
  }

  /** A row whose type is known then; as if it named its schema in the ordinary way, where it does not. */
  async framed(row: StockRow): Promise<StockRow> {
    const { value } = row
    if (value === null) return row
    const inHeader = headerSchemaOf(row.headers)
    let key = this.#keyOf(row)
    let bodyStart = inHeader === undefined ? headerBytes : 0
    if (key === undefined) return row
    const isUnknown = (await this.load(key)) === undefined
    // Apicurio's ids of eight bytes begin as the id 0 does, which registries do not assign.
    if (isUnknown && key === 0 && inHeader === undefined && value.length >= longHeaderBytes) {
      const long = this.#keys.keyOf(`apicurio-id:${Number(value.readBigInt64BE(1))}`)
      if (long !== undefined && ((await this.load(long)) !== undefined || this.#branches.has(long))) {
        key = long
        bodyStart = longHeaderBytes
      }
    }
    const branches = this.#branches.get(key)
    if (branches !== undefined) {
      const branch = readVarint(value, bodyStart)
      const branchKey = branches[branch?.number ?? -1]
      if (branchKey === undefined) return row
      key = branchKey
      bodyStart = branch?.end ?? bodyStart
    }
    const isOrdinary = inHeader === undefined && bodyStart === headerBytes
    return isOrdinary ? row : framedAnew(row, value, key, bodyStart)
  }

  /** The same rows, given when the types of all of them are known. */
  prepared(rows: Source<StockRow>): Source<StockRow> {
    return {
      next: async () => {
        const piece = await rows.next()
        if (piece === undefined) return undefined
        const missing = new Set<number>()
        for (const row of piece) {
          const key = this.#keyOf(row)
          if (key !== undefined && !this.#types.has(key)) missing.add(key)
        }
        const byKey = { schemaById: (key: number) => this.#schemaById(this.#keys.nameOf(key) as SchemaName) }
        for (const [key, schema] of await lookUpSchemas(byKey, missing)) this.#take(key, schema)
        const framed: StockRow[] = []
        for (const row of piece) framed.push(this.#isOrdinary(row) ? row : await this.framed(row))
        return framed
      },
    }
  }
}

/** The bytes before a value with Apicurio's own framing: a zero and an id of eight. */
const longHeaderBytes = 9

function branchesOf(schema: string): readonly string[] | undefined {
  try {
    return unionBranches(schema)
  } catch {
    // `compileRowType` finds the same.
    return undefined
  }
}

function readVarint(value: Buffer, at: number): { readonly number: number; readonly end: number } | undefined {
  let zigzag = 0
  for (let scale = 1, i = at; i < value.length && scale < 2 ** 49; scale *= 128, i++) {
    zigzag += (value[i] & 127) * scale
    if (value[i] < 128) return { number: zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2, end: i + 1 }
  }
  return undefined
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
    const json = JSON.parse(schema) as RecordJson & { 'vgm.model'?: RowType['stamped'] }
    const types: Record<string, avro.Type> = {}
    const plain = plainSchema(schema)
    const type = numberLongType(plain, { registry: types })
    const records = new RecordsJson(json)
    return {
      id,
      schema: parseAvroSchema(schema),
      type,
      hasCounts: hasCounts(schema),
      wideType: wideLongType(plain),
      fields: records.fields(json),
      number: memoized((path) => records.number(json, path)),
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

function memoized<T>(find: (path: string) => T): (path: string) => T {
  const known = new Map<string, T>()
  return (path) => {
    if (!known.has(path)) known.set(path, find(path))
    return known.get(path) as T
  }
}

interface RecordJson {
  readonly fields: readonly { readonly name: string; readonly type: unknown; readonly 'vgm.type'?: string }[]
}

/** Types of raw columns; a raw schema may have a property of our name, and anything in it. */
const numberTypes: ReadonlySet<unknown> = new Set(['int', 'long', 'float', 'double', 'decimal'])

/** The records, and the fixed, of a schema's JSON. */
class RecordsJson {
  readonly #definitions = new Map<string, TypeDefinition>()
  readonly #namespaces: ReadonlyMap<unknown, string>
  readonly #withColumns = new Map<RecordJson, boolean>()

  constructor(json: RecordJson) {
    collectTypes(json, '', this.#definitions)
    this.#namespaces = new Map([...this.#definitions.values()].map((known) => [known.json, known.namespace]))
  }

  /** @param around records that it stands in */
  fields(record: RecordJson, around: readonly RecordJson[] = []): RowField[] {
    const passed = [...around, record]
    return record.fields.map((field) => {
      const inner = this.#record(field.type, record)
      return {
        name: plainFieldName(field.name),
        plainType: plainType(field.type),
        modelledType: field['vgm.type'],
        fields: inner && this.#hasColumns(inner) && !passed.includes(inner) ? this.fields(inner, passed) : [],
      }
    })
  }

  /** Whether there are columns in it; a record that holds itself has them on its first level only. */
  #hasColumns(record: RecordJson): boolean {
    const known = this.#withColumns.get(record)
    if (known !== undefined) return known
    this.#withColumns.set(record, false)
    const has = record.fields.some((field) => {
      const inner = this.#record(field.type, record)
      return numberTypes.has(field['vgm.type']) || (inner !== undefined && this.#hasColumns(inner))
    })
    this.#withColumns.set(record, has)
    return has
  }

  number(record: RecordJson, path: string): NumberType | undefined {
    const [name, ...rest] = path.split('.')
    const field = record.fields.find((each) => plainFieldName(each.name) === name)
    if (field === undefined) return undefined
    if (rest.length > 0) {
      const inner = this.#record(field.type, record)
      return inner && this.number(inner, rest.join('.'))
    }
    const json = this.#definition(withoutNull(field.type), record)
    const { type, logicalType, scale = 0 } = typeof json === 'object' ? json : { type: json }
    if ((type === 'bytes' || type === 'fixed') && logicalType === 'decimal') return { type: 'decimal', scale }
    const isNumber = type === 'int' || type === 'long' || type === 'float' || type === 'double'
    return isNumber ? { type, scale: 0 } : undefined
  }

  #record(type: unknown, around: RecordJson): RecordJson | undefined {
    const json = this.#definition(withoutNull(type), around)
    return typeof json === 'object' && Array.isArray(json.fields) ? (json as unknown as RecordJson) : undefined
  }

  /** What a name stands for; a type that is none as it is. */
  #definition(type: unknown, around: RecordJson): TypeJson | string {
    if (typeof type === 'object' && type !== null) {
      const json = type as TypeJson
      return typeof json.type === 'string' && json.name === undefined && !isPrimitiveName(json.type)
        ? this.#definition(json.type, around)
        : json
    }
    const name = String(type)
    if (isPrimitiveName(name)) return name
    const namespace = this.#namespaces.get(around) ?? ''
    return (this.#definitions.get(fullName(name, namespace)) ?? this.#definitions.get(name))?.json ?? name
  }
}

interface TypeJson {
  readonly type?: unknown
  readonly name?: unknown
  readonly logicalType?: unknown
  readonly scale?: number
  readonly fields?: unknown
}

/** The other branch of a union of two with null. */
function withoutNull(type: unknown): unknown {
  if (!Array.isArray(type) || type.length !== 2) return type
  const [first, second] = type
  if (first === 'null') return second
  return second === 'null' ? first : type
}

/** What stands at a path, in the raw row or in the normalized one; null within a null record. */
export function valueAt(fields: Fields, path: string): unknown {
  let value: unknown = fields
  for (const step of path.split('.')) {
    if (value === null || value === undefined) return value
    value = (value as Fields)[step]
  }
  return value
}

/** The number of a raw field, a bigint for a long beyond 2^53; undefined for what is none. */
export function numberOf(value: unknown, type: NumberType | undefined): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  const units = type?.type === 'decimal' ? decimalUnits(value) : undefined
  return units === undefined ? undefined : Number(`${units}e-${type?.scale}`)
}

/** Units of a decimal's last digit; undefined for what is none. */
export function decimalUnits(value: unknown): bigint | undefined {
  if (!Buffer.isBuffer(value) || value.length === 0) return undefined
  return BigInt.asIntN(8 * value.length, BigInt(`0x${value.toString('hex')}`))
}

/** @param json a field's type in a schema; undefined for a field that it has not */
export function plainType(json: unknown): PlainType | undefined {
  const branches = (Array.isArray(json) ? json : [json]).filter((branch) => branch !== 'null')
  if (branches.length !== 1 || branches[0] === undefined) return undefined
  const { type, logicalType } = typeof branches[0] === 'string' ? { type: branches[0] } : branches[0]
  return typeof type === 'string' ? { type, logicalType } : undefined
}
