import {
  columnModeCount,
  columnNulls,
  columnStoredModes,
  columnValues,
  errorBadMode,
  errorBeyondExact,
  errorBeyondModes,
  errorMalformed,
  errorNotFinite,
  errorTrailingBytes,
  errorVersion,
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
  opNormalizeDecimal,
  opNormalizeDoubles,
  opNormalizeFloat,
  opNormalizeInt,
  opNormalizeLong,
  opNullable,
  opPutDecimal,
  opPutDouble,
  opPutFloat,
  opPutInteger,
  opPutPair,
  opRest,
  opRestoreDecimal,
  opRestoreDoubles,
  opRestoreFloat,
  opRestoreInt,
  opRestoreLong,
  opReturn,
  opStoreDecimal,
  opStoreDouble,
  opStoreFloat,
  opStoreInt,
  opStoreLong,
  opStoreNull,
  opText,
  opUnion,
  opVersion,
  runDetail,
  runRejected,
  runStack,
  runVersion,
  stackEntries,
} from '../layout'
import { copy, copyField } from './copy'
import { beyondUnits, decimalEnd, exactUnits, readDecimal, unitsOf, writeDecimal } from './decimals'
import { isBeyond, keep, kept, putNormalized, putPair, readMode, restored, toInteger } from './numbers'
import { readVarint, varintBytes, varintEnd, varintStops, writeBits, writeShortBits, zigzag } from './varint'

/** Integers of smaller magnitude survive normalization exactly: 2^49. */
const exactInteger: i64 = 562949953421312
/** What rounds into an int, a long that a double holds exactly, and a float, lies within these bounds. */
const lowestInt: f64 = -2147483648.5
const highestInt: f64 = 2147483647.5
const highestLong: f64 = 9007199254740992
/** What rounds to less takes two bytes at most: 2^13. */
const shortNumbers: f64 = 8191

/** Ranks of late errors: that of a model's version above that of a mode, both above that of a number. */
const errorMask = 63
const modeRank = 64
const versionRank = 128

/**
 * Runs a program over one value, from its body's first byte to its end.
 *
 * One function and one switch: its state stays in registers.
 *
 * @returns the position after what was written to `outStart`, or an error, which is less than any position
 */
export function run(ctx: usize, code: usize, columns: usize, row: i32, start: usize, limit: usize, outStart: usize): usize {
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
        return gap == at ? out : copyField(gap, at, out)
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
        // Four bytes or less are an int, whatever they are.
        const stops = limit - at >= 8 ? varintStops(load<u64>(at)) & 0x80808080 : 0
        if (stops != 0) at += varintBytes(stops)
        else {
          readVarint(at, limit, 5)
          at = varintEnd
          if (at == 0) return errorMalformed
        }
        pc += 4
        break
      }
      case opLong: {
        const stops = limit - at >= 8 ? varintStops(load<u64>(at)) : 0
        if (stops != 0) at += varintBytes(stops)
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
          at += 8
          out = putNormalized(columns + load<usize>(pc, 8), x, out)
          if (out == 0) return errorNotFinite
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
        if (gap != at) out = copyField(gap, at, out)
        let x: f64 = 0
        const word = limit - at >= 4 ? load<u32>(at) : 0x8080
        if ((word & 0x8080) != 0x8080) {
          // A byte or two: which of both, no processor foresees.
          const follows = (word >> 7) & 1
          const bits = <i32>((word & 127) | ((word >> 1) & 0x3f80 & (0 - follows)))
          at += 1 + <usize>follows
          x = <f64>((bits >> 1) ^ -(bits & 1))
        } else {
          const long = readVarint(at, limit, load<i32>(pc) == opNormalizeInt ? 5 : 10)
          at = varintEnd
          if (at == 0) return errorMalformed
          if (long >= exactInteger || long <= -exactInteger) return errorBeyondExact
          x = <f64>long
        }
        out = putNormalized(columns + load<usize>(pc, 4), x, out)
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
          let mode = at < limit ? <i32>load<u8>(at) : 1
          if ((mode & 129) == 0) {
            mode >>= 1
            at++
          } else {
            mode = readMode(at, limit)
            if (mode < 0) return <usize>-mode
            at = varintEnd
          }
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
        let mode = at < limit ? <i32>load<u8>(at) : 1
        if ((mode & 129) == 0) {
          mode >>= 1
          at++
        } else {
          mode = readMode(at, limit)
          if (mode < 0) return <usize>-mode
          at = varintEnd
        }
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
        } else if (Math.abs(x) < shortNumbers) out = writeShortBits(out, <u32>zigzag(toInteger(x)))
        else {
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
      case opNormalizeDecimal: {
        if (gap != at) out = copy(gap, at, out)
        const units = readDecimal(at, limit, load<usize>(pc, 8))
        at = decimalEnd
        if (at == 0) return errorMalformed
        if (units >= exactUnits || units <= -exactUnits) return errorBeyondExact
        out = putNormalized(columns + load<usize>(pc, 4), <f64>units / load<f64>(pc, 12), out)
        gap = at
        pc += 20
        break
      }
      case opRestoreDecimal: {
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
        if (mode >= load<i32>(column, columnModeCount)) late = max<i32>(late, modeRank | errorBadMode)
        else {
          const x = restored(column, value, mode)
          const size = load<usize>(pc, 8)
          const units = unitsOf(x, load<f64>(pc, 12), size)
          if (units != beyondUnits) out = writeDecimal(out, units, size)
          else if (late == 0) late = x - x == 0 ? errorBeyondExact : errorNotFinite
        }
        pc += 20
        break
      }
      case opStoreDecimal: {
        const units = readDecimal(at, limit, load<usize>(pc, 8))
        at = decimalEnd
        if (at == 0) return errorMalformed
        if (units >= exactUnits || units <= -exactUnits) return errorBeyondExact
        keep(columns + load<usize>(pc, 4), row, <f64>units / load<f64>(pc, 12))
        pc += 20
        break
      }
      case opPutDecimal: {
        const size = load<usize>(pc, 8)
        const units = unitsOf(kept(columns + load<usize>(pc, 4), row), load<f64>(pc, 12), size)
        if (units == beyondUnits) return errorBeyondExact
        out = writeDecimal(out, units, size)
        gap = at
        pc += 20
        break
      }
      default: {
        unreachable()
      }
    }
  }
}
