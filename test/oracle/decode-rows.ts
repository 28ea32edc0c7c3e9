import type { Records } from '../../src/batch/records.ts'
import { PipelineError } from '../../src/errors.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import {
  beginBodies,
  branchEnd,
  endBodies,
  fail,
  malformedBranch,
  nullBranch,
  readDecimals,
  readFloats,
  readModelVersions,
  readModes,
  readPrefix,
  readVarints,
  skipFixed,
  skipLengthPrefixed,
  skipValues,
  skipVarints,
} from './field-kernels.ts'
import { extentOf, maxRecordsBytes, type RowColumns } from './row-columns.ts'
import { type RowPlan, stepOpcodes, stepSize } from './row-plan.ts'

/** More bytes than positions can address. */
export class RecordsTooLargeError extends PipelineError {
  readonly code = 'VGM_ROWS_TOO_LARGE'
  constructor(bytes: number) {
    super(`A batch, or what was fetched at once, has ${bytes} bytes; at most ${maxRecordsBytes - 1} can be decoded`, {
      fix: 'Fetch less at once, or let the producer write smaller batches',
    })
  }
}

/** Rows done at a time: their bytes and positions stay in the first-level cache from one step to the next. */
const chunkRows = 1024

/**
 * Decodes the rows [from, to) into `columns`, at their own indices. Rows that are null, or whose status is not 0
 * already, are passed over. A row that fails gets a status, and the others go on: no row throws, nothing is allocated,
 * and no row's bytes are read beyond its `valueEnd`.
 *
 * @param plan    of the rows' schema: a raw one (`compileRowPlan`) or a normalized one (`compileNormalizedPlan`)
 * @param records whose framing `readSchemaRuns` has read into `columns.status`
 * @param columns with room for `plan.columns.length` columns of `records.count` rows
 * @throws RecordsTooLargeError if `records.bytes` has 256 MiB or more
 */
export function decodeRows(plan: RowPlan, records: Records, from: number, to: number, columns: RowColumns): void {
  if (records.bytes.length >= maxRecordsBytes) throw new RecordsTooLargeError(records.bytes.length)
  for (let begin = from; begin < to; begin += chunkRows) {
    decodeChunk(plan, records, begin, Math.min(begin + chunkRows, to), columns)
  }
}

function decodeChunk(plan: RowPlan, records: Records, from: number, to: number, columns: RowColumns): void {
  beginBodies(records, columns, from, to, plan.prefixBytes, plan.isFixedSize)
  runSteps(plan, 0, plan.steps.length / stepSize, records, from, to, columns)
  if (!plan.isFixedSize) endBodies(records, columns, from, to)
}

/** Runs the steps [first, last). */
function runSteps(
  plan: RowPlan,
  first: number,
  last: number,
  records: Records,
  from: number,
  to: number,
  columns: RowColumns,
): void {
  const { steps, skips } = plan
  for (let step = first; step < last; step++) {
    const [opcode, a, b, c, d] = steps.subarray(step * stepSize, (step + 1) * stepSize)
    switch (opcode) {
      case stepOpcodes.skipFixed:
        skipFixed(records, columns, from, to, a, b)
        break
      case stepOpcodes.skipVarint:
        skipVarints(records, columns, from, to, a, b)
        break
      case stepOpcodes.skipBytes:
        skipLengthPrefixed(records, columns, from, to, a)
        break
      case stepOpcodes.skip:
        skipValues(records, columns, from, to, skips, a)
        break
      case stepOpcodes.readPrefix:
        readPrefix(records, columns, from, to, a, b, c !== 0, plan.numbersOnly)
        break
      case stepOpcodes.readFloat:
        readFloats(records, columns, from, to, a, b !== 0, c)
        break
      case stepOpcodes.readVarint:
        readVarints(records, columns, from, to, a, b, c)
        break
      case stepOpcodes.readDecimal:
        readDecimals(records, columns, from, to, a, b, c, d)
        break
      case stepOpcodes.readModelVersion:
        readModelVersions(records, columns, from, to)
        break
      case stepOpcodes.readMode:
        readModes(records, columns, from, to, a)
        break
      case stepOpcodes.record:
        readRecords(plan, step + 1, step + 1 + a, b, records, from, to, columns)
        step += a
    }
  }
}

/** A nullable record, row by row: of a null one all columns are null. */
function readRecords(
  plan: RowPlan,
  first: number,
  last: number,
  nullByte: number,
  records: Records,
  from: number,
  to: number,
  columns: RowColumns,
): void {
  const { cursor, status } = columns
  const { readFloat, readVarint, readDecimal } = stepOpcodes
  for (let row = from; row < to; row++) {
    const at = cursor[row]
    const begin = branchEnd(records.bytes, at, records.valueEnd[row], nullByte)
    if (begin === nullBranch) {
      cursor[row] = at + 1
      for (let step = first; step < last; step++) {
        const [opcode, column] = plan.steps.subarray(step * stepSize)
        if (opcode !== readFloat && opcode !== readVarint && opcode !== readDecimal) continue
        columns.values[column][row] = 0
        columns.isNull[column][row] = 1
        columns.modes[column][row] = 0
        columns.extent[column][row] = extentOf(at + 1, 0)
      }
      continue
    }
    cursor[row] = begin === malformedBranch ? fail(status, row, at, rowErrors.malformed) : begin
    runSteps(plan, first, last, records, row, row + 1, columns)
  }
}
