import { varintEnd, zigzag } from '../batch/varint.ts'
import type { SchemaKeys, SchemaName } from './schema-name.ts'

/**
 * Headers that name the schema of a value, and how to read them: a GUID after a byte of 1 or an id after one of 0, or
 * eight bytes.
 */
export const schemaHeaders = {
  confluent: '__value_schema_id',
  apicurioContent: 'apicurio.value.contentId',
  apicurioGlobal: 'apicurio.value.globalId',
} as const

const text = new TextEncoder()
const [confluent, apicurioContent, apicurioGlobal] = Object.values(schemaHeaders).map((name) => text.encode(name))
const [guidBytes, idBytes, longBytes] = [17, 5, 8]
const maxLengthBytes = 5

/**
 * Reads the schema that a row's headers name. Neighbours mostly name the same one: its bytes are compared before they
 * become a name.
 */
export class HeaderNames {
  readonly #keys: SchemaKeys
  #last: Uint8Array = new Uint8Array(0)
  #lastKind: Uint8Array = confluent
  #lastKey: number | undefined

  constructor(keys: SchemaKeys) {
    this.#keys = keys
  }

  /**
   * The key of the schema; undefined if the headers name none, or none that is well formed.
   *
   * @param at   where the headers' count stands
   * @param end  byte after the record
   */
  keyAt(bytes: Uint8Array, at: number, end: number): number | undefined {
    const countEnd = varintEnd(bytes, at, end, maxLengthBytes)
    if (countEnd < 0) return undefined
    let next = countEnd
    for (let left = zigzag(bytes, at, countEnd); left > 0; left--) {
      const nameStart = varintEnd(bytes, next, end, maxLengthBytes)
      if (nameStart < 0) return undefined
      const nameEnd = nameStart + zigzag(bytes, next, nameStart)
      const valueStart = nameEnd < nameStart ? -1 : varintEnd(bytes, nameEnd, end, maxLengthBytes)
      if (valueStart < 0) return undefined
      const valueEnd = valueStart + Math.max(0, zigzag(bytes, nameEnd, valueStart))
      if (valueEnd > end) return undefined
      const kind = kindOf(bytes, nameStart, nameEnd)
      const key = kind === undefined ? undefined : this.#keyOf(kind, bytes, valueStart, valueEnd)
      if (key !== undefined) return key
      next = valueEnd
    }
    return undefined
  }

  #keyOf(kind: Uint8Array, bytes: Uint8Array, from: number, to: number): number | undefined {
    if (kind === this.#lastKind && isSame(this.#last, bytes, from, to)) return this.#lastKey
    const name = nameOf(kind, bytes.subarray(from, to))
    if (name === undefined) return undefined
    this.#last = bytes.slice(from, to)
    this.#lastKind = kind
    this.#lastKey = this.#keys.keyOf(name)
    return this.#lastKey
  }
}

/** The name that a header's value is; undefined if it is not well formed. */
export function nameInHeader(header: string, value: Uint8Array): SchemaName | undefined {
  const kind = kindOf(text.encode(header), 0, header.length)
  return kind && nameOf(kind, value)
}

/** Whether a header says which schema a value was written with. */
export function namesSchema(header: Uint8Array): boolean {
  return kindOf(header, 0, header.length) !== undefined
}

function nameOf(kind: Uint8Array, value: Uint8Array): SchemaName | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  if (kind !== confluent) {
    if (value.length !== longBytes) return undefined
    const id = Number(view.getBigInt64(0))
    return kind === apicurioContent ? `content-id:${id}` : `global-id:${id}`
  }
  if (value.length === idBytes && value[0] === 0) return view.getInt32(1) >= 0 ? view.getInt32(1) : undefined
  if (value.length !== guidBytes || value[0] !== 1) return undefined
  const hex = Array.from(value.subarray(1), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `guid:${hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`
}

function kindOf(bytes: Uint8Array, from: number, to: number): Uint8Array | undefined {
  if (isSame(confluent, bytes, from, to)) return confluent
  if (isSame(apicurioContent, bytes, from, to)) return apicurioContent
  return isSame(apicurioGlobal, bytes, from, to) ? apicurioGlobal : undefined
}

function isSame(expected: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== expected.length) return false
  for (let i = 0; i < expected.length; i++) if (bytes[from + i] !== expected[i]) return false
  return true
}
