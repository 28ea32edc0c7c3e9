/**
 * What a value that names no schema looks like; or `garbage`, one of rows that
 * name more schemas than anybody has, and `broken-batch`, of a batch that cannot be taken apart.
 */
export type RowLook = 'json' | 'avro-file' | 'single-object' | 'empty' | 'unframed' | 'garbage' | 'broken-batch'

const [openBrace, openBracket, quote] = [0x7b, 0x5b, 0x22]
/** https://avro.apache.org/docs/1.11.1/specification/#single-object-encoding */
const singleObject = [0xc3, 0x01]
/** https://avro.apache.org/docs/1.11.1/specification/#object-container-files */
const avroFile = [0x4f, 0x62, 0x6a, 0x01]

/** Guesses from the first bytes of [start, end). */
export function lookOf(bytes: Uint8Array, start: number, end: number): RowLook {
  let at = start
  while (at < end && (bytes[at] === 0x20 || (bytes[at] >= 0x09 && bytes[at] <= 0x0d))) at++
  if (at === end) return 'empty'
  if (bytes[at] === openBrace || bytes[at] === openBracket || bytes[at] === quote) return 'json'
  const begins = (magic: readonly number[]) => magic.every((byte, i) => start + i < end && bytes[start + i] === byte)
  if (begins(avroFile)) return 'avro-file'
  return begins(singleObject) ? 'single-object' : 'unframed'
}
