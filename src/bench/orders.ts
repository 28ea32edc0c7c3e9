import { framingBytes, writeFraming } from '../avro/framing.ts'
import { maxLongBytes, writeInt, writeLong } from '../batch/varint.ts'
import { below, mixed, type NormalPart, uniform } from './drawn-values.ts'

/*
 * Rows as a shop has them: a text key and 20 fields, of which most are carried along and 6 are modelled.
 */

/** A modelled column; null as often as `nullShare` says. */
interface ModelledField {
  readonly type: 'double' | 'long'
  readonly parts: readonly NormalPart[]
  readonly decimals: number
  readonly nullShare: number
}

const double = (nullShare: number, decimals: number, ...parts: NormalPart[]): ModelledField => ({
  type: 'double',
  nullShare,
  decimals,
  parts,
})

/** By name; doubles are nullable, longs are not. */
export const modelledOrderFields = {
  price: double(0.02, 2, [0.5, 19, 4], [0.3, 60, 12], [0.2, 240, 60]),
  discount: double(0.6, 2, [0.7, 5, 1], [0.3, 20, 3]),
  tax: double(0.05, 2, [0.5, 3.6, 0.8], [0.3, 11, 2], [0.2, 45, 11]),
  shipping: double(0.2, 2, [0.6, 4.9, 0.3], [0.4, 12.5, 1.5]),
  weight: double(0.1, 3, [0.7, 0.8, 0.2], [0.3, 6, 1.5]),
  session_ms: { ...double(0, 0, [0.6, 45_000, 9_000], [0.4, 600_000, 150_000]), type: 'long' },
} satisfies Record<string, ModelledField>
type ModelledName = keyof typeof modelledOrderFields

export const orderColumns = Object.keys(modelledOrderFields) as readonly ModelledName[]

/** Of a modelled column in a row. */
export function orderValue(name: ModelledName, row: number): number | null {
  const column = 100 + orderColumns.indexOf(name)
  const { parts, decimals, nullShare } = modelledOrderFields[name]
  if (uniform(column + 100, row) < nullShare) return null
  const unit = 10 ** decimals
  return Math.max(0, Math.round(mixed(parts, column, row) * unit) / unit)
}

const firstMs = 1_700_000_000_000
const statuses = ['PLACED', 'PAID', 'SHIPPED', 'DELIVERED', 'RETURNED'] as const
const channels = ['web', 'ios', 'android', 'store', 'partner'] as const
const countries = ['DE', 'FR', 'NL', 'PL', 'ES', 'IT', 'SE', 'US'] as const
const cities = ['Berlin', 'Paris', 'Amsterdam', 'Warszawa', 'Madrid', 'Milano', 'Stockholm', 'San Francisco'] as const
const categories = ['books', 'garden', 'electronics', 'toys', 'household', 'sports & outdoor'] as const
const adjectives = ['Folding', 'Compact', 'Classic', 'Wireless', 'Stainless', 'Organic', 'Heavy-duty', 'Mini'] as const
const things = ['lamp', 'chair', 'headphones', 'notebook', 'kettle', 'tent', 'bicycle pump', 'puzzle'] as const
const notes = ['', '', '', 'leave at the door', 'ring twice', 'gift wrap, please'] as const

const oneOf = (choices: readonly string[], column: number, row: number) => choices[below(choices.length, column, row)]
const hex = (column: number, row: number) =>
  below(2 ** 32, column, row)
    .toString(16)
    .padStart(8, '0')

export const orderKey = (row: number) => `${hex(1, row)}-${hex(2, row)}`

interface Field {
  readonly name: string
  /** JSON of its Avro type */
  readonly type: unknown
  readonly write: (out: OrderWriter, row: number) => void
}

const timestamp = { type: 'long', logicalType: 'timestamp-millis' }

const text = (name: string, textOf: (row: number) => string): Field => ({
  name,
  type: 'string',
  write: (out, row) => out.text(textOf(row)),
})
const long = (name: string, numberOf: (row: number) => number, type: unknown = 'long'): Field => ({
  name,
  type,
  write: (out, row) => out.long(numberOf(row)),
})
const modelled = (name: ModelledName): Field =>
  modelledOrderFields[name].type === 'long'
    ? long(name, (row) => orderValue(name, row) as number)
    : { name, type: ['null', 'double'], write: (out, row) => out.nullableDouble(orderValue(name, row)) }

const fields: readonly Field[] = [
  text('order_id', orderKey),
  text('customer_id', (row) => `C-${100_000 + below(900_000, 3, row)}`),
  long('ordered_at', (row) => firstMs + 37 * row, timestamp),
  {
    name: 'status',
    type: { type: 'enum', name: 'OrderStatus', symbols: statuses },
    write: (out, row) => out.long(below(statuses.length, 4, row)),
  },
  text('product', (row) => `${oneOf(adjectives, 5, row)} ${oneOf(things, 6, row)} ${below(900, 7, row) + 100}`),
  text('category', (row) => oneOf(categories, 8, row)),
  long('quantity', (row) => 1 + below(5, 9, row)),
  modelled('price'),
  modelled('discount'),
  modelled('tax'),
  text('channel', (row) => oneOf(channels, 10, row)),
  text('country', (row) => oneOf(countries, 11, row)),
  text('city', (row) => oneOf(cities, 11, row)),
  modelled('shipping'),
  modelled('weight'),
  long('shipped_at', (row) => firstMs + 37 * row + 3_600_000 + below(172_800_000, 12, row), timestamp),
  { name: 'is_gift', type: 'boolean', write: (out, row) => out.byte(uniform(13, row) < 0.1 ? 1 : 0) },
  long('points', (row) => below(20_000, 14, row)),
  modelled('session_ms'),
  text('note', (row) => oneOf(notes, 15, row)),
]

/** JSON text of the rows' Avro schema. */
export const orderSchema = JSON.stringify({
  type: 'record',
  name: 'Order',
  namespace: 'io.vgmstream.bench',
  fields: fields.map(({ name, type }) => (Array.isArray(type) ? { name, type, default: null } : { name, type })),
})

/** Framed, as `Orders.value` returns it until its next call. */
export class Orders {
  readonly #out = new OrderWriter()
  readonly #schemaId: number

  constructor(schemaId: number) {
    this.#schemaId = schemaId
  }

  value(row: number): Uint8Array {
    this.#out.begin(this.#schemaId)
    for (const { write } of fields) write(this.#out, row)
    return this.#out.bytes()
  }
}

/** Far more than a row needs. */
const capacity = 1024

class OrderWriter {
  readonly #bytes = new Uint8Array(capacity)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #encoder = new TextEncoder()
  #end = 0

  begin(schemaId: number): void {
    writeFraming(this.#bytes, this.#view, 0, schemaId)
    this.#end = framingBytes
  }

  byte(value: number): void {
    this.#bytes[this.#end++] = value
  }

  long(value: number): void {
    this.#end = writeLong(this.#bytes, this.#end, value)
  }

  text(value: string): void {
    const { written } = this.#encoder.encodeInto(value, this.#bytes.subarray(this.#end + maxLongBytes))
    const begin = writeInt(this.#bytes, this.#end, written)
    this.#bytes.copyWithin(begin, this.#end + maxLongBytes, this.#end + maxLongBytes + written)
    this.#end = begin + written
  }

  /** Branch 0 is null. */
  nullableDouble(value: number | null): void {
    this.long(value === null ? 0 : 1)
    if (value === null) return
    this.#view.setFloat64(this.#end, value, true)
    this.#end += 8
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }
}
