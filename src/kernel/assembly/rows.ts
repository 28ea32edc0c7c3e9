import {
  errorMalformed,
  errorVersion,
  frameBytes,
  keyEndAt,
  keyStartAt,
  opVersion,
  reasonDone,
  reasonFailed,
  reasonFull,
  reasonRoom,
  reasonVersion,
  recordEndAt,
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
  runSent,
  runTo,
  runUsed,
  runValueLengthBytes,
  runVersion,
  statusAt,
  timestampAt,
  unsentAt,
  valueEndAt,
  valueStartAt,
} from '../layout'
import { copy } from './copy'
import { onlyDoubles, transformDoubles } from './doubles'
import { forgetBeyond } from './numbers'
import { run } from './program'
import { lengthBytes, writeBits, zigzag } from './varint'

/** What the program returns where it writes nothing: no error, and no position that anything is written to. */
const leastPosition: usize = 64

/** Converting to a short word takes a fraction of the time. */
@inline
function toDelta(ms: f64): i64 {
  return Math.abs(ms) < 1073741824 ? <i64><i32>ms : <i64>ms
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
  let sent = load<i32>(ctx, runSent)
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
      sent += next - row
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
        run(ctx, code, columns + unsentAt, row, body, end, guessed + headBytes)
        forgetBeyond()
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
      if (start >= 0) run(ctx, code, columns + unsentAt, row, body, end, out)
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
    if (start >= 0) sent++
  }
  store<i32>(ctx, row, runRow)
  store<i32>(ctx, sent, runSent)
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
