import type { Type } from 'avsc'
import { rawJSON } from './wide-long.ts'

/**
 * Avro's JSON encoding of a value. avsc's own makes null of NaN and the infinities, and 0 of -0.
 *
 * @example avroJson(type, [null, NaN, -0]) // '[null,{"double":"NaN"},{"double":-0.0}]'
 */
export function avroJson(type: Type, value: unknown): string {
  // What avsc's toString does; none of its public functions wraps the branches of unions.
  const { _copy: copy } = type as unknown as { _copy(value: unknown, options: { coerce: 3 }): unknown }
  return JSON.stringify(copy.call(type, value, { coerce: 3 }), (_, item) => exactNumber(item))
}

/** What stands for a number in JSON that has no form for it, as in Avro's JSON; other values are as they are. */
export function exactNumber(value: unknown): unknown {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
  return value === 0 ? rawJSON('-0.0') : String(value)
}
