import avro from 'avsc'

// ECMAScript 2026, in Node since 22; the compiler's library does not have it yet.
export const { rawJSON } = JSON as unknown as { rawJSON(text: string): RawJson }
interface RawJson {
  readonly rawJSON: string
}

/** Longs as bigints: avsc's own refuse what is beyond 2^53. In JSON they are numbers with all of their digits. */
const wideLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  // A default is copied by way of its JSON.
  fromJSON: (json: number | RawJson) => BigInt(typeof json === 'number' ? json : json.rawJSON),
  toJSON: (value: bigint) => rawJSON(String(value)),
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/**
 * An avsc type whose longs are bigints, those with a logicalType too: a timestamp in nanoseconds is beyond 2^53 since
 * 1970-04-15, one in microseconds before 1684 and after 2255.
 *
 * @param schema  as JSON.parse gives it
 * @param options as of avsc's `Type.forSchema`
 */
export function wideLongType(schema: unknown, options: Partial<avro.ForSchemaOptions> = {}): avro.Type {
  return typeWithLongs(wideLong, schema, options)
}

/**
 * An avsc type whose longs are those of `long`.
 *
 * @param schema  as JSON.parse gives it
 * @param options as of avsc's `Type.forSchema`
 */
export function typeWithLongs(long: avro.Type, schema: unknown, options: Partial<avro.ForSchemaOptions>): avro.Type {
  // By name alone, as in the registry of types, it would not be found where an object names it beside a logicalType.
  const typeHook = (type: unknown) => (isLong(type) ? long : undefined)
  return avro.Type.forSchema(schema as avro.Schema, { ...options, typeHook } as avro.ForSchemaOptions)
}

function isLong(schema: unknown): boolean {
  return schema === 'long' || (schema as { type?: unknown } | null)?.type === 'long'
}
