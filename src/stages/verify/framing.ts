/** Confluent wire format: a zero and the schema's id in four bytes, big-endian. */
export const headerBytes = 5

/** The schema id of a value; undefined if it is not framed. */
export function schemaIdOf(value: Buffer): number | undefined {
  return value.length >= headerBytes && value[0] === 0 ? value.readInt32BE(1) : undefined
}
