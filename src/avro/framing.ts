/*
 * The Confluent wire format: a zero byte, the schema's id in four bytes, big-endian, then the Avro body.
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */

export const framingBytes = 5

/** The schema id of a framed value; undefined if it has no such framing: no registry gives out negative ids. */
export function framedSchemaId(value: Uint8Array): number | undefined {
  if (value.length < framingBytes || value[0] !== 0) return undefined
  const id = (value[1] << 24) | (value[2] << 16) | (value[3] << 8) | value[4]
  return id < 0 ? undefined : id
}

/** Writes the framing at `at`. @param view over the same memory as `out`, same origin */
export function writeFraming(out: Uint8Array, view: DataView, at: number, schemaId: number): void {
  out[at] = 0
  view.setInt32(at + 1, schemaId)
}

export function framed(schemaId: number, body: Uint8Array): Uint8Array {
  const value = new Uint8Array(framingBytes + body.length)
  writeFraming(value, new DataView(value.buffer), 0, schemaId)
  value.set(body, framingBytes)
  return value
}
