import {
  keyEndAt,
  keyStartAt,
  offsetDeltaAt,
  recordEndAt,
  timestampAt,
  valueEndAt,
  valueStartAt,
  walkBaseMs,
  walkCount,
  walkEnd,
  walkFrom,
  walkIsWhole,
  walkNeeded,
  walkNext,
  walkPositions,
  walkRows,
  walkSchemaId,
  walkStop,
} from '../layout'
import { readVarint, unzigzag, varintEnd } from './varint'

/** The shortest record has six bytes: attributes, two deltas, two lengths, the headers' count. */
const leastRecordBytes = 6

/**
 * Finds the positions of the records that begin in a window of a batch. Every read is within the record, and every
 * record within the window.
 *
 * @returns whether they are records
 */
export function walk(ctx: usize): bool {
  const end = load<usize>(ctx, walkEnd)
  const rows = load<i32>(ctx, walkRows)
  const stop = load<usize>(ctx, walkStop)
  const isWhole = load<i32>(ctx, walkIsWhole) != 0
  const baseMs = load<f64>(ctx, walkBaseMs)
  let at = load<usize>(ctx, walkFrom)
  let place = load<usize>(ctx, walkPositions)
  let timePlace = place
  let needed: usize = 0
  let isCommon = true
  let hasSchema = false
  let schemaWord: u32 = 0
  let count = 0
  while (count < rows && at < stop) {
    let size: i64 = 0
    let next: usize = 0
    if (at + 8 <= end) {
      // Most records are short and have no key: their frames are one word, but for the length of the number.
      const word = load<u64>(at)
      let number = <u32>(word >> 24) & 255
      let rest = <u32>(word >> 32)
      let value = at + 6
      if (number > 127) {
        number = (number & 127) | ((rest & 127) << 7)
        value++
        if ((rest & 128) != 0) {
          number |= (rest & 0x7f00) << 6
          // A fourth byte makes a length of what follows that no such record has.
          rest = (rest & 0x8000) != 0 ? 0 : rest >> 8
          value++
        }
        rest >>= 8
      }
      const recordEnd = at + 1 + (<usize>(word & 255) >> 1)
      const valueEnd = value + ((rest >> 9) & 63)
      if (
        (word & 0x80_0081) == 0 &&
        (rest & 0x81ff) == 1 &&
        valueEnd < recordEnd &&
        recordEnd <= end
      ) {
        const time = <i32>(word >> 16) & 127
        store<f64>(timePlace, baseMs + <f64>((time >> 1) ^ -(time & 1)), timestampAt)
        store<i32>(place, (number >> 1) ^ -(number & 1), offsetDeltaAt)
        store<i32>(place, -1, keyStartAt)
        store<i32>(place, <i32>value, valueStartAt)
        store<i32>(place, <i32>valueEnd, valueEndAt)
        store<i32>(place, <i32>recordEnd, recordEndAt)
        if (isCommon) {
          const id = valueEnd - value < 5 ? 0 : load<u32>(value, 1)
          if (valueEnd - value < 5 || load<u8>(value) != 0 || recordEnd - valueEnd != 1) isCommon = false
          else {
            if (!hasSchema) {
              schemaWord = id
              hasSchema = true
            } else if (id != schemaWord) isCommon = false
          }
        }
        at = recordEnd
        place += 4
        timePlace += 8
        count++
        continue
      }
    }
    if (at < end) {
      const byte = <u64>load<u8>(at)
      if (byte < 128) {
        size = unzigzag(byte)
        next = at + 1
      } else {
        size = readVarint(at, end, 10)
        next = varintEnd
      }
    }
    if (next == 0) {
      if (isWhole || end - at >= 10) return false
      break
    }
    if (size < leastRecordBytes) return false
    if (size > <i64>(end - next)) {
      if (isWhole) return false
      needed = size > 0x7fff_0000 ? 0x7fff_0000 : next - at + <usize>size
      break
    }
    const recordEnd = next + <usize>size
    next++
    let delta: i64 = 0
    let byte = <u64>load<u8>(next)
    if (byte < 128) {
      delta = unzigzag(byte)
      next++
    } else {
      delta = readVarint(next, recordEnd, 10)
      next = varintEnd
      if (next == 0) return false
    }
    store<f64>(timePlace, baseMs + <f64>delta, timestampAt)
    if (next >= recordEnd) return false
    byte = <u64>load<u8>(next)
    if (byte < 128) {
      delta = unzigzag(byte)
      next++
    } else {
      delta = readVarint(next, recordEnd, 10)
      next = varintEnd
      if (next == 0) return false
    }
    store<i32>(place, <i32>delta, offsetDeltaAt)
    if (next >= recordEnd) return false
    byte = <u64>load<u8>(next)
    if (byte == 1) {
      store<i32>(place, -1, keyStartAt)
      next++
    } else {
      if (byte < 128) {
        size = unzigzag(byte)
        next++
      } else {
        size = readVarint(next, recordEnd, 10)
        next = varintEnd
        if (next == 0) return false
      }
      if (size > <i64>(recordEnd - next)) return false
      store<i32>(place, size < 0 ? -1 : <i32>next, keyStartAt)
      if (size > 0) next += <usize>size
      store<i32>(place, <i32>next, keyEndAt)
    }
    if (next >= recordEnd) return false
    byte = <u64>load<u8>(next)
    if (byte < 128) {
      size = unzigzag(byte)
      next++
    } else {
      size = readVarint(next, recordEnd, 10)
      next = varintEnd
      if (next == 0) return false
    }
    // At least the headers' count follows.
    if (size >= <i64>(recordEnd - next)) return false
    if (next >= recordEnd) return false
    if (size < 0) {
      store<i32>(place, -1, valueStartAt)
    } else {
      store<i32>(place, <i32>next, valueStartAt)
      if (isCommon) {
        if (size < 5 || load<u8>(next) != 0 || recordEnd - next - <usize>size != 1) isCommon = false
        else {
          const word = load<u32>(next, 1)
          if (!hasSchema) schemaWord = word
          else if (word != schemaWord) isCommon = false
          hasSchema = true
        }
      }
      next += <usize>size
    }
    store<i32>(place, <i32>next, valueEndAt)
    store<i32>(place, <i32>recordEnd, recordEndAt)
    at = recordEnd
    place += 4
    timePlace += 8
    count++
  }
  store<usize>(ctx, at, walkNext)
  store<i32>(ctx, count, walkCount)
  store<usize>(ctx, needed, walkNeeded)
  store<i32>(ctx, isCommon && hasSchema ? <i32>bswap(schemaWord) : -1, walkSchemaId)
  return true
}
