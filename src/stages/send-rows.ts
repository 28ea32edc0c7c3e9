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
    const good = endOfGood(status, row, to)
    while (row < good) {
      row = await target.output.copyRows(records, row, good, values)
      if (row < good) await target.deadLetter(records, row++, rowErrors.tooLarge)
    }
    for (row = good; row < to && status[row] !== rowErrors.none; row++)
      await target.deadLetter(records, row, status[row])
  }
}

/** The first row from `from` on that has failed, `to` if none has. Loops within async functions are slow. */
function endOfGood(status: Uint8Array, from: number, to: number): number {
  let row = from
  while (row < to && status[row] === rowErrors.none) row++
  return row
}
