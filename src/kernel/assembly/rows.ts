import {
  columnCellsPerUnit,
  columnClip,
  columnLow,
  columnModeCount,
  columnModes,
  columnNulls,
  columnRoot,
  columnStoredModes,
  columnUnits,
  columnValues,
  errorBadMode,
  errorBeyondExact,
  errorBeyondModes,
  errorMalformed,
  errorNotFinite,
  errorTrailingBytes,
  errorVersion,
  frameBytes,
  keyEndAt,
  keyStartAt,
  modeBytes,
  modeMean,
  modeScale,
  mostEmptyItems,
  opAtLeast,
  opBlocks,
  opBoolean,
  opCall,
  opCopy,
  opEmptyBlocks,
  opEnd,
  opEndStored,
  opEnum,
  opExactly,
  opField,
  opFixed,
  opInt,
  opJump,
  opLong,
  opNextItem,
  opNormalizeDoubles,
  opNormalizeFloat,
  opNormalizeInt,
  opNormalizeLong,
  opNullable,
  opPutDouble,
  opPutFloat,
  opPutInteger,
  opPutPair,
  opRest,
  opRestoreDoubles,
  opRestoreFloat,
  opRestoreInt,
  opRestoreLong,
  opReturn,
  opStoreDouble,
  opStoreFloat,
  opStoreInt,
  opStoreLong,
  opStoreNull,
  opText,
  opUnion,
  opVersion,
  reasonDone,
  reasonFailed,
  reasonFull,
  reasonRoom,
  reasonVersion,
  recordEndAt,
  rootCells,
  runBaseMs,
  runCode,
  runColumns,
  runCount,
  runDetail,
  runDoublesOut,
  runFraming,
  runGrowth,
  runHead,
  runHeadBytes,
  runHeaders,
  runHeadersEnd,
  runLengthBytes,
  runLimit,
  runMaxMs,
  runOut,
  runOutEnd,
  runPositions,
  runRejected,
  runRow,
  runStack,
  runTo,
  runUsed,
  runValueLengthBytes,
  runVersion,
  stackEntries,
  statusAt,
  timestampAt,
  unresolvedMode,
  valueEndAt,
  valueStartAt,
} from '../layout'
import { copy } from './copy'
import { resolveMode } from './modes'
import { lengthBytes, readVarint, varintEnd, writeBits, zigzag } from './varint'

/** What the program returns where it writes nothing: no error, and no position that anything is written to. */
const leastPosition: usize = 64

/** Integers of smaller magnitude survive normalization exactly: 2^49. */
const exactInteger: i64 = 562949953421312
/** From here on numbers have nothing to round: 2^52. */
const largestUnits: f64 = 4503599627370496
/** What rounds into an int, a long that a double holds exactly, and a float, lies within these bounds. */
const lowestInt: f64 = -2147483648.5
const highestInt: f64 = 2147483647.5
const highestLong: f64 = 9007199254740992
const highestFloat: f64 = 3.4028235677973366e38

/** Ranks of late errors: that of a model's version above that of a mode, both above that of a number. */
const errorMask = 63
const modeRank = 64
const versionRank = 128

/** Whether a number of the row at hand is too far from all modes. */
let isBeyond = false

/** Writes the normalized number and its mode; returns the position after them. */
@inline
function putNormalized(column: usize, x: f64, out: usize): usize {
  let place = (x - load<f64>(column, columnLow)) * load<f64>(column, columnCellsPerUnit)
  place = place > 0 ? place : 0
  place = place < rootCells - 1 ? place : rootCells - 1
  const mode = <u32>load<u8>(load<usize>(column, columnRoot) + <usize><i32>place)
  if (mode == unresolvedMode) return putUnresolved(column, x, out)
  const place2 = load<usize>(column, columnModes) + mode * modeBytes
  const value = (x - load<f64>(place2, modeMean)) / load<f64>(place2, modeScale)
  return putPair(clipped(column, value), mode, out)
}

function putUnresolved(column: usize, x: f64, out: usize): usize {
  const mode = resolveMode(column, x)
  const place = load<usize>(column, columnModes) + mode * modeBytes
  const mean = load<f64>(place, modeMean)
  const scale = load<f64>(place, modeScale)
  const value = (x - mean) / scale
  if (load<f64>(column, columnClip) == Infinity) {
    const restored = value * scale + mean
    if (restored - restored != 0) isBeyond = true
  }
  return putPair(clipped(column, value), mode, out)
}

@inline
function clipped(column: usize, value: f64): f64 {
  const clip = load<f64>(column, columnClip)
  return clip == Infinity ? value : min<f64>(clip, max<f64>(-clip, value))
}

@inline
function putPair(value: f64, mode: u32, out: usize): usize {
  store<f64>(out, value)
  if (mode < 64) {
    store<u8>(out, <u8>(mode << 1), 8)
    return out + 9
  }
  store<u8>(out, <u8>((mode << 1) | 128), 8)
  store<u8>(out, <u8>(mode >> 6), 9)
  return out + 10
}

/** The number that a value and a mode stand for, with as many decimals as its column has. */
@inline
function restored(column: usize, value: f64, mode: u32): f64 {
  const place = load<usize>(column, columnModes) + mode * modeBytes
  const x = value * load<f64>(place, modeScale) + load<f64>(place, modeMean)
  const units = load<f64>(column, columnUnits)
  if (units == 0) return x
  const rounded = Math.floor(x * units + 0.5)
  return Math.abs(rounded) < largestUnits ? rounded / units : x
}

/** The nearest whole number, the higher one of two. */
@inline
function toInteger(x: f64): i64 {
  const floor = Math.floor(x)
  return <i64>(x - floor >= 0.5 ? floor + 1 : floor)
}

/**
 * Runs a program over one value, from its body's first byte to its end.
 *
 * One function and one switch: its state stays in registers.
 *
 * @returns the position after what was written to `outStart`, or an error, which is less than any position
 */
function run(ctx: usize, code: usize, columns: usize, row: i32, start: usize, limit: usize, outStart: usize): usize {
  let pc = code
  let at = start
  let out = outStart
  // What stands from here to the next number is copied.
  let gap = start
  // An error that only counts if the value is whole, and its rank above.
  let late: i32 = 0
  let depth: usize = 0
  let emptyItems: i64 = 0
  while (true) {
    switch (load<i32>(pc)) {
      case opEnd: {
        if (at != limit) return errorTrailingBytes
        if (isBeyond) return errorBeyondModes
        if (late != 0) return <usize>(late & errorMask)
        return gap == at ? out : copy(gap, at, out)
      }
      case opEndStored: {
        return at == limit ? out : <usize>errorTrailingBytes
      }
      case opAtLeast: {
        if (limit - at < load<usize>(pc, 4)) return errorMalformed
        pc += 8
        break
      }
      case opExactly: {
        const size = load<usize>(pc, 4)
        if (limit - at < size) return errorMalformed
        if (limit - at > size) return errorTrailingBytes
        pc += 8
        break
      }
      case opFixed: {
        const size = load<usize>(pc, 4)
        if (limit - at < size) return errorMalformed
        at += size
        pc += 8
        break
      }
      case opInt: {
        if (at < limit && load<u8>(at) < 128) at++
        else {
          readVarint(at, limit, 5)
          at = varintEnd
          if (at == 0) return errorMalformed
        }
        pc += 4
        break
      }
      case opLong: {
        if (at < limit && load<u8>(at) < 128) at++
        else {
          readVarint(at, limit, 10)
          at = varintEnd
          if (at == 0) return errorMalformed
        }
        pc += 4
        break
      }
      case opText: {
        if (at >= limit) return errorMalformed
        const byte = <usize>load<u8>(at)
        if (byte < 128) {
          at++
          if ((byte & 1) != 0 || byte >> 1 > limit - at) return errorMalformed
          at += byte >> 1
        } else {
          const size = readVarint(at, limit, 10)
          at = varintEnd
          if (at == 0 || size < 0 || size > <i64>(limit - at)) return errorMalformed
          at += <usize>size
        }
        pc += 4
        break
      }
      case opNullable: {
        if (at >= limit) return errorMalformed
        const branch = <i32>load<u8>(at)
        const nullByte = load<i32>(pc, 4)
        if (branch == nullByte) pc = code + load<usize>(pc, 8)
        else if (branch == 2 - nullByte) pc += 12
        else return errorMalformed
        at++
        break
      }
      case opBoolean: {
        if (at >= limit || load<u8>(at) > 1) return errorMalformed
        at++
        pc += 4
        break
      }
      case opEnum: {
        const symbol = readVarint(at, limit, 10)
        at = varintEnd
        if (at == 0 || symbol < 0 || symbol >= <i64>load<u32>(pc, 4)) return errorMalformed
        pc += 8
        break
      }
      case opJump: {
        pc = code + load<usize>(pc, 4)
        break
      }
      case opCall: {
        if (depth == stackEntries) return errorMalformed
        store<usize>(load<usize>(ctx, runStack) + (depth << 2), pc + 8)
        depth++
        pc = code + load<usize>(pc, 4)
        break
      }
      case opReturn: {
        depth--
        pc = load<usize>(load<usize>(ctx, runStack) + (depth << 2))
        break
      }
      case opUnion: {
        const branch = readVarint(at, limit, 10)
        at = varintEnd
        if (at == 0 || branch < 0 || branch >= <i64>load<u32>(pc, 4)) return errorMalformed
        pc = code + load<usize>(pc + ((<usize>branch + 2) << 2))
        break
      }
      case opBlocks:
      case opEmptyBlocks: {
        let items = readVarint(at, limit, 10)
        at = varintEnd
        if (at == 0) return errorMalformed
        if (items < 0) {
          // The block's size follows. The items are looked at all the same: readers do not go by the size, and would
          // stumble over them.
          const size = readVarint(at, limit, 10)
          at = varintEnd
          if (at == 0 || size < 0 || size > <i64>(limit - at)) return errorMalformed
          items = -items
          if (items < 0) return errorMalformed
        }
        if (load<i32>(pc) == opEmptyBlocks) {
          // Items of no bytes cost those who read them as much as others do, in one block or in many.
          if (items > mostEmptyItems) return errorMalformed
          emptyItems += items
          if (emptyItems > mostEmptyItems) return errorMalformed
          if (items == 0) pc += 4
        } else if (items == 0) pc = code + load<usize>(pc, 4)
        else {
          // Every item takes at least a byte, so that a huge count is refused before it is counted down.
          if (items > <i64>(limit - at) || depth == stackEntries) return errorMalformed
          store<usize>(load<usize>(ctx, runStack) + (depth << 2), <usize>items)
          depth++
          pc += 8
        }
        break
      }
      case opNextItem: {
        const place = load<usize>(ctx, runStack) + ((depth - 1) << 2)
        const left = load<usize>(place) - 1
        const blocks = code + load<usize>(pc, 4)
        store<usize>(place, left)
        if (left > 0) pc = blocks + 8
        else {
          depth--
          pc = blocks
        }
        break
      }
      case opField: {
        emptyItems = 0
        pc += 4
        break
      }
      case opVersion: {
        const version = <i32>readVarint(at, limit, 5)
        at = varintEnd
        if (at == 0) return errorMalformed
        gap = at
        store<i32>(ctx, version, runDetail)
        late = version != load<i32>(ctx, runVersion) ? errorVersion : load<i32>(ctx, runRejected)
        if (late != 0) late |= versionRank
        pc += 4
        break
      }
      case opNormalizeDoubles: {
        const end = pc + (load<usize>(pc, 4) << 2)
        if (gap != at) out = copy(gap, at, out)
        for (; pc < end; pc += 4) {
          if (limit - at < 8) return errorMalformed
          const x = load<f64>(at)
          if (x - x != 0) return errorNotFinite
          at += 8
          out = putNormalized(columns + load<usize>(pc, 8), x, out)
        }
        gap = at
        pc += 8
        break
      }
      case opNormalizeFloat: {
        if (limit - at < 4) return errorMalformed
        if (gap != at) out = copy(gap, at, out)
        const x = <f64>load<f32>(at)
        if (x - x != 0) return errorNotFinite
        at += 4
        out = putNormalized(columns + load<usize>(pc, 4), x, out)
        gap = at
        pc += 8
        break
      }
      case opNormalizeInt:
      case opNormalizeLong: {
        if (gap != at) out = copy(gap, at, out)
        const x = readVarint(at, limit, load<i32>(pc) == opNormalizeInt ? 5 : 10)
        at = varintEnd
        if (at == 0) return errorMalformed
        if (x >= exactInteger || x <= -exactInteger) return errorBeyondExact
        out = putNormalized(columns + load<usize>(pc, 4), <f64>x, out)
        gap = at
        pc += 8
        break
      }
      case opRestoreDoubles: {
        const end = pc + (load<usize>(pc, 4) << 2)
        if (gap != at) out = copy(gap, at, out)
        for (; pc < end; pc += 4) {
          if (limit - at < 8) return errorMalformed
          const value = load<f64>(at)
          if (value - value != 0) return errorNotFinite
          at += 8
          const mode = readMode(at, limit)
          if (mode < 0) return <usize>-mode
          at = varintEnd
          const column = columns + load<usize>(pc, 8)
          if (mode >= load<i32>(column, columnModeCount)) late = max<i32>(late, modeRank | errorBadMode)
          else {
            const x = restored(column, value, mode)
            if (x - x != 0 && late == 0) late = errorNotFinite
            store<f64>(out, x)
            out += 8
          }
        }
        gap = at
        pc += 8
        break
      }
      case opRestoreFloat:
      case opRestoreInt:
      case opRestoreLong: {
        const op = load<i32>(pc)
        if (gap != at) out = copy(gap, at, out)
        if (limit - at < 8) return errorMalformed
        const value = load<f64>(at)
        if (value - value != 0) return errorNotFinite
        at += 8
        const mode = readMode(at, limit)
        if (mode < 0) return <usize>-mode
        at = varintEnd
        gap = at
        const column = columns + load<usize>(pc, 4)
        pc += 8
        if (mode >= load<i32>(column, columnModeCount)) {
          late = max<i32>(late, modeRank | errorBadMode)
          break
        }
        const x = restored(column, value, mode)
        if (op == opRestoreFloat) {
          const single = <f32>x
          if (single - single != 0 && late == 0) late = errorNotFinite
          store<f32>(out, single)
          out += 4
        } else {
          const isIn = op == opRestoreInt ? x > lowestInt && x < highestInt : Math.abs(x) < highestLong
          if (isIn) out = writeBits(out, zigzag(toInteger(x)))
          else if (late == 0) late = x - x == 0 ? errorBeyondExact : errorNotFinite
        }
        break
      }
      case opStoreDouble: {
        if (limit - at < 8) return errorMalformed
        const x = load<f64>(at)
        if (x - x != 0) return errorNotFinite
        at += 8
        keep(columns + load<usize>(pc, 4), row, x)
        pc += 8
        break
      }
      case opStoreFloat: {
        if (limit - at < 4) return errorMalformed
        const x = <f64>load<f32>(at)
        if (x - x != 0) return errorNotFinite
        at += 4
        keep(columns + load<usize>(pc, 4), row, x)
        pc += 8
        break
      }
      case opStoreInt:
      case opStoreLong: {
        const x = readVarint(at, limit, load<i32>(pc) == opStoreInt ? 5 : 10)
        at = varintEnd
        if (at == 0) return errorMalformed
        if (x >= exactInteger || x <= -exactInteger) return errorBeyondExact
        keep(columns + load<usize>(pc, 4), row, <f64>x)
        pc += 8
        break
      }
      case opStoreNull: {
        const column = columns + load<usize>(pc, 4)
        store<f64>(load<usize>(column, columnValues) + (<usize>row << 3), 0)
        store<u8>(load<usize>(column, columnNulls) + row, 1)
        pc += 8
        break
      }
      case opCopy: {
        if (gap != at) out = copy(gap, at, out)
        pc += 4
        break
      }
      case opRest: {
        at = limit
        pc += 4
        break
      }
      case opPutDouble: {
        store<f64>(out, kept(columns + load<usize>(pc, 4), row))
        out += 8
        gap = at
        pc += 8
        break
      }
      case opPutFloat: {
        store<f32>(out, <f32>kept(columns + load<usize>(pc, 4), row))
        out += 4
        gap = at
        pc += 8
        break
      }
      case opPutInteger: {
        out = writeBits(out, zigzag(toInteger(kept(columns + load<usize>(pc, 4), row))))
        gap = at
        pc += 8
        break
      }
      case opPutPair: {
        const column = columns + load<usize>(pc, 4)
        out = putPair(kept(column, row), load<u8>(load<usize>(column, columnStoredModes) + row), out)
        gap = at
        pc += 8
        break
      }
      default: {
        unreachable()
      }
    }
  }
}

/** The mode behind a normalized value; an error, negated, if it cannot be any model's. Ends at `varintEnd`. */
@inline
function readMode(at: usize, limit: usize): i32 {
  const mode = readVarint(at, limit, 5)
  if (varintEnd == 0) return -errorMalformed
  return mode < 0 || mode > 255 ? -errorBadMode : <i32>mode
}

@inline
function keep(column: usize, row: i32, x: f64): void {
  store<f64>(load<usize>(column, columnValues) + (<usize>row << 3), x)
  store<u8>(load<usize>(column, columnNulls) + row, 0)
}

@inline
function kept(column: usize, row: i32): f64 {
  return load<f64>(load<usize>(column, columnValues) + (<usize>row << 3))
}

/** Converting to a short word takes a fraction of the time. */
@inline
function toDelta(ms: f64): i64 {
  return Math.abs(ms) < 1073741824 ? <i64><i32>ms : <i64>ms
}

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
function transformDoubles(
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
          if (x - x != 0) break
          write = putNormalized(columns + load<usize>(name), x, write)
        }
      }
      if (write != value + size || isBeyond) {
        isBeyond = false
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

/** The operands of the one instruction for numbers, if the values of a program are doubles and nothing else; else 0. */
function onlyDoubles(code: usize, version: i32): usize {
  let doubles: usize = 0
  if (load<i32>(code) == opExactly && load<i32>(code, 8) == opNormalizeDoubles) doubles = code + 12
  else if (load<i32>(code) == opVersion && load<i32>(code, 4) == opRestoreDoubles && version >= 0 && version < 8192)
    doubles = code + 8
  return doubles != 0 && load<i32>(doubles + ((load<usize>(doubles) + 1) << 2)) == opEnd ? doubles : 0
}

/**
 * Writes rows as records of a batch: each with its key, its time, its headers, and the value that the program makes of
 * its own.
 *
 * @returns why it stopped before `runRow`
 */
export function transform(ctx: usize): i32 {
  const code = load<usize>(ctx, runCode)
  const columns = load<usize>(ctx, runColumns)
  const positions = load<usize>(ctx, runPositions)
  const to = load<i32>(ctx, runTo)
  const head = load<usize>(ctx, runHead)
  const headBytes = load<usize>(ctx, runHeadBytes)
  const growth = load<usize>(ctx, runGrowth)
  const framingBytes = load<usize>(ctx, runFraming)
  const outStart = load<usize>(ctx, runOut)
  const outEnd = load<usize>(ctx, runOutEnd)
  const used = load<usize>(ctx, runUsed)
  const batchLimit = load<usize>(ctx, runLimit)
  const otherHeaders = load<usize>(ctx, runHeaders)
  const otherHeadersEnd = load<usize>(ctx, runHeadersEnd)
  let row = load<i32>(ctx, runRow)
  let count = load<i32>(ctx, runCount)
  let baseMs = load<f64>(ctx, runBaseMs)
  let maxMs = load<f64>(ctx, runMaxMs)
  let lengthSize = load<usize>(ctx, runLengthBytes)
  let valueLengthSize = load<usize>(ctx, runValueLengthBytes)
  // Neighbours mostly have the same time.
  let lastMs = NaN
  let timeBits: u64 = 0
  let out = outStart
  let reason = reasonDone
  let doubles = framingBytes == 5 && otherHeaders == 0 ? onlyDoubles(code, load<i32>(ctx, runVersion)) : 0
  const isRestoring = load<i32>(code) == opVersion
  if (isRestoring && load<i32>(ctx, runRejected) != 0) doubles = 0
  for (; row < to; row++) {
    if (doubles != 0 && count > 0) {
      store<f64>(ctx, baseMs, runBaseMs)
      store<f64>(ctx, maxMs, runMaxMs)
      const next = transformDoubles(ctx, row, out, count, doubles, isRestoring)
      // Rows of another kind are not asked for again.
      if (next == row) doubles = 0
      count += next - row
      row = next
      out = load<usize>(ctx, runDoublesOut)
      maxMs = load<f64>(ctx, runMaxMs)
      if (row == to) break
    }
    const place = positions + (<usize>row << 2)
    const status = load<u8>(positions + row, statusAt)
    if (status != 0) {
      store<i32>(ctx, status, runDetail)
      reason = reasonFailed
      break
    }
    const start = load<i32>(place, valueStartAt)
    const end = load<usize>(place, valueEndAt)
    const key = load<i32>(place, keyStartAt)
    const keyBytes = key < 0 ? <usize>0 : load<usize>(place, keyEndAt) - <usize>key
    let headers = end
    let headersEnd = load<usize>(place, recordEndAt)
    if (otherHeaders != 0) {
      headers = otherHeaders
      headersEnd = otherHeadersEnd
    }
    const body = <usize>start + framingBytes
    if (start >= 0 && body > end) {
      store<i32>(ctx, errorMalformed, runDetail)
      reason = reasonFailed
      break
    }
    const most = <usize>frameBytes + keyBytes + (headersEnd - headers) + (start < 0 ? <usize>0 : end - body + growth)
    if (outEnd - out < most) {
      store<usize>(ctx, most, runDetail)
      reason = reasonRoom
      break
    }
    const timeMs = load<f64>(positions + (<usize>row << 3), timestampAt)
    if (count == 0) {
      baseMs = timeMs
      lastMs = NaN
    }
    if (timeMs != lastMs) {
      lastMs = timeMs
      timeBits = zigzag(toDelta(timeMs - baseMs))
    }
    // The lengths are guessed to take as many bytes as those of the row before.
    let write = out + lengthSize
    store<u8>(write, 0)
    write = writeBits(write + 1, timeBits)
    write = writeBits(write, <u64>count << 1)
    if (key < 0) {
      store<u8>(write, 1)
      write++
    } else {
      write = writeBits(write, <u64>keyBytes << 1)
      if (keyBytes > 0) write = copy(<usize>key, <usize>key + keyBytes, write)
    }
    let valueBytes: usize = 0
    if (start < 0) {
      store<u8>(write, 1)
      write++
    } else {
      const guessed = write + valueLengthSize
      store<u64>(guessed, load<u64>(head))
      store<u32>(guessed, load<u32>(head, 8), 8)
      const written = run(ctx, code, columns, row, body, end, guessed + headBytes)
      if (written < leastPosition) {
        isBeyond = false
        if (written == errorVersion) reason = reasonVersion
        else {
          store<usize>(ctx, written, runDetail)
          reason = reasonFailed
        }
        break
      }
      valueBytes = written - guessed
      const size = lengthBytes(valueBytes)
      if (size != valueLengthSize) {
        memory.copy(write + size, guessed, valueBytes)
        valueLengthSize = size
      }
      write = writeBits(write, <u64>valueBytes << 1) + valueBytes
    }
    const headersBytes = headersEnd - headers
    if (used + (out - outStart) + <usize>frameBytes + keyBytes + valueBytes + headersBytes > batchLimit && count > 0) {
      reason = reasonFull
      break
    }
    if (headersBytes == 1) {
      store<u8>(write, load<u8>(headers))
      write++
    } else write = copy(headers, headersEnd, write)
    const record = out + lengthSize
    const length = write - record
    const size = lengthBytes(length)
    if (size != lengthSize) {
      memory.copy(out + size, record, length)
      lengthSize = size
    }
    out = writeBits(out, <u64>length << 1) + length
    if (count == 0 || timeMs > maxMs) maxMs = timeMs
    count++
  }
  store<i32>(ctx, row, runRow)
  store<usize>(ctx, out, runOut)
  store<i32>(ctx, count, runCount)
  store<f64>(ctx, baseMs, runBaseMs)
  store<f64>(ctx, maxMs, runMaxMs)
  store<usize>(ctx, lengthSize, runLengthBytes)
  store<usize>(ctx, valueLengthSize, runValueLengthBytes)
  return reason
}

/** Keeps the numbers of rows in their columns, and sets the status of each row that had none. */
export function decode(ctx: usize): void {
  const code = load<usize>(ctx, runCode)
  const columns = load<usize>(ctx, runColumns)
  const positions = load<usize>(ctx, runPositions)
  const framingBytes = load<usize>(ctx, runFraming)
  const to = load<i32>(ctx, runTo)
  for (let row = load<i32>(ctx, runRow); row < to; row++) {
    const place = positions + (<usize>row << 2)
    const start = load<i32>(place, valueStartAt)
    if (start < 0 || load<u8>(positions + row, statusAt) != 0) continue
    const body = <usize>start + framingBytes
    const end = load<usize>(place, valueEndAt)
    const done = body > end ? <usize>errorMalformed : run(ctx, code, columns, row, body, end, leastPosition)
    if (done != leastPosition) store<u8>(positions + row, <u8>done, statusAt)
  }
}
