/** A field of a struct: its number, and its value with its type. */
export type ThriftField = readonly [id: number, value: ThriftValue]

export type ThriftValue =
  | { readonly i32: number }
  /** within 2^53 */
  | { readonly i64: number }
  | { readonly text: string }
  | { readonly list: readonly ThriftValue[] }
  | { readonly struct: readonly ThriftField[] }

/** https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md#struct-encoding */
const typeIds = { i32: 5, i64: 6, text: 8, list: 9, struct: 12 } as const

/**
 * A struct in Thrift's compact protocol, as far as Parquet's metadata need it.
 *
 * @param fields in the order of their numbers
 */
export function thriftStruct(fields: readonly ThriftField[]): Uint8Array {
  const out: number[] = []
  writeStruct(out, fields)
  return Uint8Array.from(out)
}

function writeStruct(out: number[], fields: readonly ThriftField[]): void {
  let before = 0
  for (const [id, value] of fields) {
    out.push(((id - before) << 4) | typeIdOf(value))
    writeValue(out, value)
    before = id
  }
  out.push(0)
}

function writeValue(out: number[], value: ThriftValue): void {
  if ('i32' in value) writeVarint(out, zigzag(value.i32))
  else if ('i64' in value) writeVarint(out, zigzag(value.i64))
  else if ('struct' in value) writeStruct(out, value.struct)
  else if ('list' in value) writeList(out, value.list)
  else {
    const bytes = Buffer.from(value.text)
    writeVarint(out, BigInt(bytes.length))
    out.push(...bytes)
  }
}

function writeList(out: number[], list: readonly ThriftValue[]): void {
  const typeId = list.length === 0 ? typeIds.i32 : typeIdOf(list[0])
  if (list.length < 15) out.push((list.length << 4) | typeId)
  else {
    out.push(0xf0 | typeId)
    writeVarint(out, BigInt(list.length))
  }
  for (const value of list) writeValue(out, value)
}

function typeIdOf(value: ThriftValue): number {
  return typeIds[Object.keys(value)[0] as keyof typeof typeIds]
}

function zigzag(value: number): bigint {
  const wide = BigInt(value)
  return BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n))
}

function writeVarint(out: number[], value: bigint): void {
  let rest = value
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128)
  out.push(Number(rest))
}
