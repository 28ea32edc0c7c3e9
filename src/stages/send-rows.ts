import type { Records } from '../batch/records.ts'
import type { ValueWriter } from '../batch/value-writer.ts'
import { rowErrors } from '../rows/row-error.ts'
import { shiftBodies } from '../rows/schema-runs.ts'
import type { RowTarget } from './row-transform.ts'

/** Neighbouring rows that are sent alike. */
export interface SentRun {
  readonly from: number
  /** row after the run */
  readonly to: number
  /** how far the starts of the values were moved: a dead letter is the original row */
  readonly bodyShift: number
  /** whether a header names the schema of the values as they were: what is written instead names its own */
  readonly isInHeader: boolean
}

/**
 * Sends the good rows of a run to the output and the others to the dead letters. The status of a row that turns out to be
 * too large says so afterwards.
 */
export async function sendRows(
  records: Records,
  { from, to, bodyShift, isInHeader }: SentRun,
  status: Uint8Array,
  values: ValueWriter,
  target: RowTarget,
): Promise<void> {
  const setAside = (row: number, error: number) => {
    if (bodyShift !== 0) shiftBodies(records, row, row + 1, -bodyShift)
    return target.deadLetter(records, row, error)
  }
  for (let row = from; row < to; ) {
    const good = endOfGood(status, row, to)
    while (row < good) {
      const { output } = target
      row = isInHeader
        ? await output.copyRowsWithoutSchemaHeader(records, row, good, values)
        : await output.copyRows(records, row, good, values)
      if (row < good) {
        status[row] = rowErrors.tooLarge
        await setAside(row++, rowErrors.tooLarge)
      }
    }
    for (row = good; row < to && status[row] !== rowErrors.none; row++) await setAside(row, status[row])
  }
}

/** The first row from `from` on that has failed, `to` if none has. Loops within async functions are slow. */
function endOfGood(status: Uint8Array, from: number, to: number): number {
  let row = from
  while (row < to && status[row] === rowErrors.none) row++
  return row
}
