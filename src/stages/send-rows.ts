import type { Records } from '../batch/records.ts'
import type { ValueWriter } from '../batch/value-writer.ts'
import { rowErrors } from '../rows/row-error.ts'
import type { RowTarget } from './transform-topic.ts'

/** Sends the good rows of [from, to) to the output and the others to the dead letters. */
export async function sendRows(
  records: Records,
  from: number,
  to: number,
  status: Uint8Array,
  values: ValueWriter,
  target: RowTarget,
): Promise<void> {
  for (let row = from; row < to; ) {
    let good = row
    while (good < to && status[good] === rowErrors.none) good++
    if (good > row) await target.output.copyRows(records, row, good, values)
    for (row = good; row < to && status[row] !== rowErrors.none; row++)
      await target.deadLetter(records, row, status[row])
  }
}
