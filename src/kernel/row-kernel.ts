import { type BatchHeader, batchHeaderBytes } from '../batch/batch-header.ts'
import { MalformedBatchError, type OpenBatch, openBatch } from '../batch/read-records.ts'
import { createRecords, type Records } from '../batch/records.ts'
import type { EncodedRows, RowEncoder } from '../batch/row-encoder.ts'
import { KernelMemory } from './kernel-memory.ts'
import * as layout from './layout.ts'

/** A batch is looked at in windows of this size: most batches are no larger. */
const windowBytes = 1024 * 1024 + 64 * 1024
/** Records are written to a place of this size, and taken from there while they are in the nearest caches. */
const outBytes = 64 * 1024
/** Bytes before the body of a framed value. */
const framingBytes = 5
/** No limit. */
const mostBytes = 2 ** 31 - 1
const noHead = new Uint8Array(0)
/** Of the longest head: framing, and a model version. */
const headBytes = 12

/** The code of a program: instructions of layout.ts, which name columns by their number times `columnBytes`. */
export interface RowProgram {
  readonly code: Int32Array
  /** how many columns it names */
  readonly columns: number
  /** the most bytes that all numbers together take once they are written */
  readonly numberBytes: number
}

/** Writes values as they came. */
const copyProgram: RowProgram = { code: Int32Array.of(layout.opRest, layout.opEnd), columns: 0, numberBytes: 0 }

/** How rows of one schema are written. */
export interface EncodedRun {
  readonly program: RowProgram
  /** where the columns that the program names stand; undefined for rows that name their model version: `useVersion` */
  readonly columns?: number | undefined
  /** what each value begins with, in place of the five bytes before its body */
  readonly head: Uint8Array
}

/** What a row has stopped for: its error, or the model version that it needs. */
export type StopReason =
  | { readonly kind: 'error'; readonly error: number }
  | { readonly kind: 'version'; readonly version: number }

/** The part of a batch that is in the kernel's memory. */
interface Window {
  readonly batch: OpenBatch
  /** in the batch */
  readonly from: number
  readonly to: number
}

/**
 * Reads records, and writes them with other values, in WebAssembly: it walks, decodes, normalizes and encodes a row in
 * one pass. Nothing is read outside a batch, whatever its bytes say, and no name of a schema becomes code: the kernel
 * interprets programs of numbers.
 *
 * One for each loop over rows: its memory holds one piece of one batch.
 */
export class RowKernel implements RowEncoder {
  readonly memory = new KernelMemory(() => this.#look())
  /** of the piece that was read last; used again for the next one */
  readonly records: Records = createRecords(0)
  /** shape (rows), a `RowError` each, set before rows are written */
  status = new Uint8Array(0)
  /** why the last call of `encode` has stopped before a row; undefined if it only needs another batch */
  stop: StopReason | undefined
  readonly #walk: number
  readonly #run: number
  readonly #head: number
  readonly #positions: number
  #out: number
  #outBytes = outBytes
  #window: number
  #windowBytes = 64 * 1024
  /** what is inflated to the window */
  #packed = 0
  #packedBytes = 0
  #held: Window | undefined
  readonly #programs = new Map<RowProgram, number>()
  #noColumns: { readonly at: number; readonly count: number } | undefined
  /** root cells without a pair, for columns that have no table */
  readonly emptyRoot: number

  constructor() {
    const { memory } = this
    this.#walk = memory.allocate(layout.walkBytes)
    this.#run = memory.allocate(layout.runBytes)
    this.#head = memory.allocate(headBytes)
    const stack = memory.allocate(4 * layout.stackEntries)
    this.#positions = memory.allocate(layout.positionsBytes)
    this.#out = memory.allocate(outBytes)
    this.#window = memory.allocate(this.#windowBytes)
    this.#set(this.#walk + layout.walkPositions, this.#positions)
    this.#set(this.#run + layout.runPositions, this.#positions)
    this.#set(this.#run + layout.runStack, stack)
    this.#set(this.#run + layout.runHead, this.#head)
    this.#set(this.#run + layout.runLengthBytes, 1)
    this.#set(this.#run + layout.runValueLengthBytes, 1)
    this.emptyRoot = memory.allocate(layout.rootCells)
    memory.bytes.fill(layout.unresolvedPair, this.emptyRoot, this.emptyRoot + layout.rootCells)
    this.#look()
  }

  /**
   * Opens a batch to be read piece by piece. What lz4 has made of records that a window holds is inflated there,
   * whenever the batch is looked at; every other compressed batch is inflated outside, and copied from there in
   * windows.
   *
   * @param bytes the bytes that contain the batch; the result borrows them
   * @throws MalformedBatchError if it cannot be decompressed
   */
  open(bytes: Uint8Array, view: DataView, header: BatchHeader): OpenBatch {
    if (header.compression !== 'lz4' || header.recordCount === 0) return openBatch(bytes, view, header)
    this.#held = undefined
    const size = this.#inflate(bytes, header)
    if (size < 0) return openBatch(bytes, view, header)
    const batch = { header, bytes, view, isPacked: true, at: 0, row: 0, end: size }
    this.#held = { batch, from: 0, to: size }
    return batch
  }

  /** Inflates a batch to the window; -1 if it has no room for it, or if its stream is broken. */
  #inflate(bytes: Uint8Array, { start, end }: BatchHeader): number {
    const { memory } = this
    const stream = bytes.subarray(start + batchHeaderBytes, end)
    if (stream.length > windowBytes) return -1
    if (stream.length > this.#packedBytes) {
      if (this.#packed !== 0) memory.free(this.#packed)
      this.#packedBytes = Math.min(windowBytes, 2 * stream.length)
      this.#packed = memory.allocate(this.#packedBytes)
    }
    memory.bytes.set(stream, this.#packed)
    const packedEnd = this.#packed + stream.length
    const most = memory.lz4.mostBytes(this.#packed, packedEnd)
    if (most < 0) return -1
    this.#resizeWindow(Math.min(most, windowBytes))
    return Math.max(-1, memory.lz4.inflate(this.#packed, packedEnd, this.#window, this.#window + this.#windowBytes))
  }

  /** Fills `records` with the positions of the next records of a batch. @throws MalformedBatchError */
  readPiece(batch: OpenBatch): void {
    const { records } = this
    const { header, row, at, end } = batch
    const { recordCount } = header
    if (recordCount < 0) throw new MalformedBatchError(header, `it claims ${recordCount} records`)
    const wanted = Math.min(recordCount - row, layout.pieceRows)
    const rest = end - at
    if (this.#outBytes > outBytes) this.#resizeOut(outBytes)
    let size = Math.min(rest, windowBytes)
    for (;;) {
      const held = this.#hold(batch, size)
      const from = this.#window + at - held.from
      const end = this.#window + held.to - held.from
      this.#set(this.#walk + layout.walkFrom, from)
      this.#set(this.#walk + layout.walkEnd, end)
      this.#set(this.#walk + layout.walkRows, wanted)
      this.#set(this.#walk + layout.walkStop, end)
      this.#set(this.#walk + layout.walkIsWhole, held.to === batch.end ? 1 : 0)
      this.memory.view.setFloat64(this.#walk + layout.walkBaseMs, header.baseTimestampMs, true)
      if (this.memory.code.walk(this.#walk) === 0)
        throw new MalformedBatchError(header, 'a record ends after its batch')
      records.count = this.#get(this.#walk + layout.walkCount)
      if (records.count === wanted || records.count > 0) break
      const needed = Math.max(this.#get(this.#walk + layout.walkNeeded), held.to - at + 1)
      if (needed > rest) throw new MalformedBatchError(header, 'a record ends after its batch')
      size = Math.min(rest, needed)
      this.#held = undefined
    }
    const next = at + this.#get(this.#walk + layout.walkNext) - this.#get(this.#walk + layout.walkFrom)
    records.baseOffset = header.baseOffset
    records.leaderEpoch = header.leaderEpoch
    records.compression = header.compression
    records.schemaId = this.#get(this.#walk + layout.walkSchemaId)
    if (row + records.count === recordCount && next !== end)
      throw new MalformedBatchError(header, 'bytes follow its last record')
    if (header.isLogAppendTime) records.timestampMs.fill(header.maxTimestampMs, 0, records.count)
    batch.at = next
    batch.row = row + records.count
    if (batch.row === recordCount) this.#held = undefined
  }

  /** Has `size` bytes of the batch from `batch.at` on in memory, or what is left of it in the window. */
  #hold(batch: OpenBatch, size: number): Window {
    const held = this.#held
    if (
      held?.batch === batch &&
      held.from <= batch.at &&
      (held.to === batch.end || held.to - batch.at >= Math.max(size / 2, size - windowBytes / 2))
    )
      return held
    this.#held = undefined
    if (batch.isPacked) {
      const to = this.#inflate(batch.bytes, batch.header)
      if (to !== batch.end) throw new MalformedBatchError(batch.header, 'its bytes have changed')
      this.#held = { batch, from: 0, to }
      return this.#held
    }
    this.#resizeWindow(size)
    this.memory.bytes.set(batch.bytes.subarray(batch.at, batch.at + size), this.#window)
    this.#held = { batch, from: batch.at, to: batch.at + size }
    return this.#held
  }

  /** Makes it large enough; it is no longer giant if it need not be. */
  #resizeWindow(size: number): void {
    if (size <= this.#windowBytes && (this.#windowBytes <= windowBytes || size > windowBytes)) return
    this.memory.free(this.#window)
    this.#windowBytes = Math.max(size, windowBytes)
    this.#window = this.memory.allocate(this.#windowBytes)
    this.memory.shrink()
  }

  /** Prepares `encode` for rows of one schema. */
  begin({ program, columns, head }: EncodedRun): void {
    this.#begin(program, columns, head, framingBytes)
  }

  /** Prepares `encode` for rows whose values stay as they came. */
  beginCopy(): void {
    this.#begin(copyProgram, undefined, noHead, 0)
  }

  #begin(program: RowProgram, columns: number | undefined, head: Uint8Array, framing: number): void {
    const code = this.#place(program)
    this.#set(this.#run + layout.runFraming, framing)
    this.memory.bytes.set(head, this.#head)
    this.#set(this.#run + layout.runCode, code)
    this.#set(this.#run + layout.runHeadBytes, head.length)
    this.#set(this.#run + layout.runGrowth, head.length + program.numberBytes)
    this.#useColumns(columns ?? this.#withoutModes(program.columns), -1, layout.errorVersion)
    this.useHeaders(undefined)
  }

  /**
   * Has the columns that the program names stand somewhere else, for rows of another model version.
   *
   * @param columns  undefined if there are none: then there is an error
   * @param version  that they belong to
   * @param rejected the error of all rows of the version, 0 for none
   */
  useVersion(columns: number | undefined, version: number, rejected: number): void {
    this.#useColumns(columns ?? this.#noColumns?.at ?? 0, version, rejected)
  }

  #useColumns(columns: number, version: number, rejected: number): void {
    this.#set(this.#run + layout.runColumns, columns)
    this.#set(this.#run + layout.runVersion, version)
    this.#set(this.#run + layout.runRejected, rejected)
  }

  /** Columns of no modes at all: what reads them finds every mode unknown. */
  #withoutModes(count: number): number {
    const known = this.#noColumns
    if (known !== undefined && known.count >= count) return known.at
    if (known !== undefined) this.memory.free(known.at)
    const bytes = Math.max(1, count) * layout.columnBytes
    const at = this.memory.allocate(bytes)
    this.memory.bytes.fill(0, at, at + bytes)
    this.#noColumns = { at, count }
    return at
  }

  /** Has rows get these headers in place of their own, until it is called with undefined. */
  useHeaders(headers: Uint8Array | undefined): void {
    if (this.#headers !== 0) this.memory.free(this.#headers)
    this.#headers = headers === undefined ? 0 : this.memory.allocate(headers.length)
    if (headers !== undefined) this.memory.bytes.set(headers, this.#headers)
    this.#set(this.#run + layout.runHeaders, this.#headers)
    this.#set(this.#run + layout.runHeadersEnd, this.#headers + (headers?.length ?? 0))
  }
  #headers = 0

  encode(
    row: number,
    to: number,
    sizeBytes: number,
    limitBytes: number,
    count: number,
    baseMs: number,
    maxMs: number,
  ): EncodedRows {
    const run = this.#run
    for (;;) {
      this.#set(run + layout.runRow, row)
      this.#set(run + layout.runTo, to)
      this.#set(run + layout.runOut, this.#out)
      this.#set(run + layout.runOutEnd, this.#out + this.#outBytes)
      this.#set(run + layout.runUsed, sizeBytes)
      this.#set(run + layout.runLimit, limitBytes)
      this.#set(run + layout.runCount, count)
      this.memory.view.setFloat64(run + layout.runBaseMs, baseMs, true)
      this.memory.view.setFloat64(run + layout.runMaxMs, maxMs, true)
      const reason = this.memory.code.transform(run)
      const end = this.#get(run + layout.runOut)
      if (reason === layout.reasonRoom && end === this.#out) {
        this.#resizeOut(Math.max(outBytes, this.#get(run + layout.runDetail)))
        continue
      }
      const detail = this.#get(run + layout.runDetail)
      this.stop = undefined
      if (reason === layout.reasonFailed) this.stop = { kind: 'error', error: detail }
      if (reason === layout.reasonVersion) this.stop = { kind: 'version', version: detail }
      const { view, bytes } = this.memory
      return {
        bytes: bytes.subarray(this.#out, end),
        next: this.#get(run + layout.runRow),
        count: this.#get(run + layout.runCount),
        baseMs: view.getFloat64(run + layout.runBaseMs, true),
        maxMs: view.getFloat64(run + layout.runMaxMs, true),
        isStopped: reason !== layout.reasonRoom,
      }
    }
  }

  /** Takes the counts of a row back that `encode` has written last, and that is not sent. */
  retract(row: number): void {
    const sent = this.#get(this.#run + layout.runSent)
    const columns = this.#get(this.#run + layout.runColumns)
    this.#set(this.#run + layout.runColumns, columns + layout.unsentAt)
    this.encode(row, row + 1, 0, mostBytes, 0, 0, 0)
    this.#set(this.#run + layout.runColumns, columns)
    this.#set(this.#run + layout.runSent, 2 * sent - this.#get(this.#run + layout.runSent))
  }

  /** How many rows with a value `encode` has written since the last call. */
  takeSent(): number {
    const sent = this.#get(this.#run + layout.runSent)
    this.#set(this.#run + layout.runSent, 0)
    return sent
  }

  /** Runs a `store` program over rows [from, to): fills their columns, and the status of rows that fail. */
  decode(program: RowProgram, columns: number, from: number, to: number): void {
    const run = this.#run
    this.#set(run + layout.runCode, this.#place(program))
    this.#set(run + layout.runFraming, framingBytes)
    this.#set(run + layout.runColumns, columns)
    this.#set(run + layout.runRow, from)
    this.#set(run + layout.runTo, to)
    this.memory.code.decode(run)
  }

  /** Forgets the programs: the model that they name columns of has been replaced. */
  clearPrograms(): void {
    for (const at of this.#programs.values()) this.memory.free(at)
    this.#programs.clear()
  }

  #place(program: RowProgram): number {
    const known = this.#programs.get(program)
    if (known !== undefined) return known
    const { code } = program
    const at = this.memory.allocate(code.byteLength)
    for (const [i, word] of code.entries()) this.#set(at + 4 * i, word)
    this.#programs.set(program, at)
    return at
  }

  /** Makes it larger for one giant row, and small again after its piece. */
  #resizeOut(bytes: number): void {
    this.memory.free(this.#out)
    this.#outBytes = bytes
    this.#out = this.memory.allocate(this.#outBytes)
  }

  #set(at: number, value: number): void {
    this.memory.view.setInt32(at, value, true)
  }

  #get(at: number): number {
    return this.memory.view.getInt32(at, true)
  }

  /** Takes the views anew. */
  #look(): void {
    if (this.#positions === undefined) return
    const { bytes, view } = this.memory
    const { records } = this
    const { buffer } = bytes
    const words = (column: number) => new Int32Array(buffer, this.#positions + column, layout.pieceRows)
    records.bytes = bytes
    records.view = view
    records.offsetDelta = words(layout.offsetDeltaAt)
    records.keyStart = words(layout.keyStartAt)
    records.keyEnd = words(layout.keyEndAt)
    records.valueStart = words(layout.valueStartAt)
    records.valueEnd = words(layout.valueEndAt)
    records.recordEnd = words(layout.recordEndAt)
    records.timestampMs = new Float64Array(buffer, this.#positions + layout.timestampAt, layout.pieceRows)
    this.status = new Uint8Array(buffer, this.#positions + layout.statusAt, layout.pieceRows)
  }
}
