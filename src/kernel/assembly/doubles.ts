import {
  columnModeCount,
  frameBytes,
  keyStartAt,
  opEnd,
  opExactly,
  opNormalizeDoubles,
  opRestoreDoubles,
  opVersion,
  recordEndAt,
  runBaseMs,
  runColumns,
  runDoublesOut,
  runHead,
  runHeadBytes,
  runLimit,
  runMaxMs,
  runOut,
  runOutEnd,
  runPositions,
  runTo,
  runUsed,
  runVersion,
  statusAt,
  timestampAt,
  unsentAt,
  valueEndAt,
  valueStartAt,
} from '../layout'
import { forgetBeyond, isBeyond, putNormalized, restored } from './numbers'
import { lengthBytes } from './varint'

/** Bits of the varint of a length below 8192. */
@inline
function lengthBits(length: usize): u64 {
  return length < 64 ? <u64>length << 1 : ((<u64>length << 1) & 127) | 128 | ((<u64>length >> 6) << 8)
}

/**
 * Writes the most common rows there are: doubles and nothing else, none null, no key, no headers, modes below 64, and
 * times near that of the batch. Their sizes are known before. Stops before the first row that is another, or for which
 * there is no room: `transform` sees to it.
 *
 * @param from not the first row of the batch
 * @param doubles operands of the one instruction for numbers: how many, and the columns
 * @param isRestoring whether they are restored, else they are normalized
 * @returns the row that it has stopped before; `runDoublesOut` and `runMaxMs` are up to date
 */
export function transformDoubles(
  ctx: usize,
  from: i32,
  outFrom: usize,
  countFrom: i32,
  doubles: usize,
  isRestoring: bool,
): i32 {
  const columns = load<usize>(ctx, runColumns)
  const positions = load<usize>(ctx, runPositions)
  const head = load<usize>(ctx, runHead)
  const headBytes = load<usize>(ctx, runHeadBytes)
  const to = load<i32>(ctx, runTo)
  const baseMs = load<f64>(ctx, runBaseMs)
  const numbers = load<usize>(doubles)
  // The model version that restored rows begin with, in one byte or two.
  const version = lengthBits(load<usize>(ctx, runVersion))
  const versionBytes: usize = !isRestoring ? 0 : version < 128 ? 1 : 2
  const versionMask: u64 = !isRestoring ? 0 : version < 128 ? 255 : 65535
  const framedBytes: usize = 5 + versionBytes
  const rawBytes = framedBytes + numbers * (isRestoring ? 9 : 8)
  const size = headBytes + numbers * (isRestoring ? 8 : 9)
  const sizeBytes = lengthBytes(size)
  let maxMs = load<f64>(ctx, runMaxMs)
  let row = from
  let out = outFrom
  let count = countFrom
  for (let countBytes: usize = 1; countBytes <= 3; countBytes++) {
    const countEnd = countBytes == 1 ? 64 : countBytes == 2 ? 8192 : 1048576
    const length: usize = countBytes + sizeBytes + size + 4
    const frame = lengthBytes(length)
    if (length >= 8192) break
    // The last place where a row still fits, in the memory and in the batch. A mode that takes two bytes is found out
    // when it is written.
    const room = load<usize>(ctx, runOutEnd) - frame - length - numbers
    const left = load<i32>(ctx, runLimit) - load<i32>(ctx, runUsed) - frameBytes - <i32>size - 1
    const last = min<i32>(<i32>room, load<i32>(ctx, runOut) + left)
    const tail = ((lengthBits(size) << 8) | 1) << (countBytes << 3)
    while (row < to && count < countEnd && <i32>out <= last) {
      const place = positions + (<usize>row << 2)
      const start = load<usize>(place, valueStartAt)
      const end = load<usize>(place, valueEndAt)
      const delta = load<f64>(positions + (<usize>row << 3), timestampAt) - baseMs
      if (
        end - start != rawBytes ||
        load<usize>(place, recordEndAt) - end != 1 ||
        load<i32>(place, keyStartAt) >= 0 ||
        load<u8>(positions + row, statusAt) != 0 ||
        !(delta >= -64 && delta < 64) ||
        (isRestoring && (<u64>load<u16>(start, 5) & versionMask) != version)
      )
        break
      const time = <i32>delta
      const prefix = <u32>lengthBits(length) | (<u32>((time << 1) ^ (time >> 31)) << <u32>((frame + 1) << 3))
      store<u32>(out, prefix)
      const bits = <u64>count << 1
      const number =
        countBytes == 1
          ? bits
          : countBytes == 2
            ? (bits & 127) | 128 | ((bits >> 7) << 8)
            : (bits & 127) | 0x8080 | (((bits >> 7) & 127) << 8) | ((bits >> 14) << 16)
      store<u64>(out + frame + 2, number | tail)
      const value = out + frame + 3 + countBytes + sizeBytes
      store<u64>(value, load<u64>(head))
      store<u32>(value, load<u32>(head, 8), 8)
      let write = value + headBytes
      let at = start + framedBytes
      let name = doubles + 4
      if (isRestoring) {
        for (; at < end; at += 9, name += 4) {
          const column = columns + load<usize>(name)
          const number = load<f64>(at)
          const mode = <i32>load<u8>(at, 8)
          if (number - number != 0 || (mode & 129) != 0 || mode >> 1 >= load<i32>(column, columnModeCount)) break
          const x = restored(column, number, mode >> 1)
          if (x - x != 0) break
          store<f64>(write, x)
          write += 8
        }
      } else {
        for (; at < end; at += 8, name += 4) {
          const x = load<f64>(at)
          const next = putNormalized(columns + load<usize>(name), x, write)
          if (next == 0) break
          write = next
        }
      }
      if (write != value + size || isBeyond) {
        if (!isRestoring) takeBack(ctx, start + framedBytes, at, doubles, value + headBytes)
        forgetBeyond()
        row = -1 - row
        break
      }
      store<u8>(write, 0)
      out = write + 1
      maxMs = max<f64>(maxMs, baseMs + delta)
      row++
      count++
    }
    if (row < 0 || count < countEnd) break
  }
  store<usize>(ctx, out, runDoublesOut)
  store<f64>(ctx, maxMs, runMaxMs)
  return row < 0 ? -1 - row : row
}

/** Takes the counts of the numbers [from, to) of a row back, which was written to `out` and is not kept. */
function takeBack(ctx: usize, from: usize, to: usize, doubles: usize, out: usize): void {
  const columns = load<usize>(ctx, runColumns) + unsentAt
  let name = doubles + 4
  let write = out
  for (let at = from; at < to; at += 8, name += 4)
    write = putNormalized(columns + load<usize>(name), load<f64>(at), write)
}

/** The operands of the one instruction for numbers, if the values of a program are doubles and nothing else; else 0. */
export function onlyDoubles(code: usize, version: i32): usize {
  let doubles: usize = 0
  if (load<i32>(code) == opExactly && load<i32>(code, 8) == opNormalizeDoubles) doubles = code + 12
  else if (load<i32>(code) == opVersion && load<i32>(code, 4) == opRestoreDoubles && version >= 0 && version < 8192)
    doubles = code + 8
  return doubles != 0 && load<i32>(doubles + ((load<usize>(doubles) + 1) << 2)) == opEnd ? doubles : 0
}
