import { intBytes, maxIntBytes, varintEnd, writeInt, zigzag } from './varint.ts'

/** A record's headers, as `[name, value]`; names may repeat. */
export type RecordHeaders = readonly (readonly [string, Uint8Array | null])[]

const text = new TextEncoder()
const names = new TextDecoder('utf-8', { ignoreBOM: true })

/** Count and headers as they stand at the end of a record. */
export function encodeHeaders(headers: RecordHeaders): Uint8Array {
  return appendHeaders(new Uint8Array(1), headers)
}

/** The reverse; values are views of `encoded`. */
export function decodeHeaders(encoded: Uint8Array): [name: string, value: Uint8Array | null][] {
  let [count, at] = readNumber(encoded, 0)
  const headers: [string, Uint8Array | null][] = []
  for (; count > 0; count--) {
    const [nameBytes, nameStart] = readNumber(encoded, at)
    const [valueBytes, valueStart] = readNumber(encoded, nameStart + nameBytes)
    at = valueStart + Math.max(0, valueBytes)
    const name = names.decode(encoded.subarray(nameStart, nameStart + nameBytes))
    headers.push([name, valueBytes < 0 ? null : encoded.subarray(valueStart, at)])
  }
  return headers
}

/**
 * The headers `encoded`, as they stand at the end of a record, and `more` after them.
 *
 * @param encoded count and headers
 */
export function appendHeaders(encoded: Uint8Array, more: RecordHeaders): Uint8Array {
  const names = more.map(([name]) => text.encode(name))
  const [count, start] = readNumber(encoded, 0)
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

/**
 * The headers `encoded` without some of them.
 *
 * @param encoded count and headers
 * @param isLeftOut told each header's name, UTF-8
 */
export function withoutHeaders(encoded: Uint8Array, isLeftOut: (name: Uint8Array) => boolean): Uint8Array {
  const [count, start] = readNumber(encoded, 0)
  const kept: Uint8Array[] = []
  for (let left = count, at = start; left > 0; left--) {
    const [nameBytes, nameStart] = readNumber(encoded, at)
    const [valueBytes, valueStart] = readNumber(encoded, nameStart + nameBytes)
    const end = valueStart + Math.max(0, valueBytes)
    if (!isLeftOut(encoded.subarray(nameStart, nameStart + nameBytes))) kept.push(encoded.subarray(at, end))
    at = end
  }
  const out = new Uint8Array(intBytes(kept.length) + kept.reduce((sum, { length }) => sum + length, 0))
  let at = writeInt(out, 0, kept.length)
  for (const header of kept) {
    out.set(header, at)
    at += header.length
  }
  return out
}

/** The number at `from`, and the position after it. */
function readNumber(encoded: Uint8Array, from: number): [number: number, end: number] {
  const end = varintEnd(encoded, from, encoded.length, maxIntBytes)
  if (end < 0) throw new RangeError('Headers of a record are cut off')
  return [zigzag(encoded, from, end), end]
}
