import { intBytes, writeInt } from './varint.ts'

/** A record's headers, as `[name, value]`; names may repeat. */
export type RecordHeaders = readonly (readonly [string, Uint8Array | null])[]

const text = new TextEncoder()
const names = new TextDecoder()

/** Count and headers as they stand at the end of a record. */
export function encodeHeaders(headers: RecordHeaders): Uint8Array {
  return appendHeaders(new Uint8Array(1), headers)
}

/**
 * The headers `encoded`, as they stand at the end of a record, and `more` after them.
 *
 * @param encoded count and headers
 */
export function appendHeaders(encoded: Uint8Array, more: RecordHeaders): Uint8Array {
  const names = more.map(([name]) => text.encode(name))
  const [count, start] = readCount(encoded)
  let size = intBytes(count + more.length) + encoded.length - start
  for (const [i, [, value]] of more.entries())
    size +=
      intBytes(names[i].length) + names[i].length + intBytes(value?.length ?? -1) + (value === null ? 0 : value.length)
  const out = new Uint8Array(size)
  let at = writeInt(out, 0, count + more.length)
  out.set(encoded.subarray(start), at)
  at += encoded.length - start
  for (const [i, [, value]] of more.entries()) {
    at = writeInt(out, at, names[i].length)
    out.set(names[i], at)
    at = writeInt(out, at + names[i].length, value?.length ?? -1)
    if (value === null) continue
    out.set(value, at)
    at += value.length
  }
  return out
}

/** The reverse of `encodeHeaders`; values are views of `encoded`. */
export function decodeHeaders(encoded: Uint8Array): [name: string, value: Uint8Array | null][] {
  let at = 0
  const int = () => {
    let zigzag = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = encoded[at++]
      zigzag += (byte & 127) * scale
      if (byte < 128) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
    }
  }
  const take = (length: number) => {
    at += length
    return encoded.subarray(at - length, at)
  }
  return Array.from({ length: int() }, () => {
    const name = names.decode(take(int()))
    const length = int()
    return [name, length < 0 ? null : take(length)]
  })
}

/** The count before the headers, and the position after it. */
function readCount(encoded: Uint8Array): [count: number, start: number] {
  let zigzag = 0
  for (let at = 0, scale = 1; ; at++, scale *= 128) {
    zigzag += (encoded[at] & 127) * scale
    if (encoded[at] < 128) return [zigzag / 2, at + 1]
  }
}
