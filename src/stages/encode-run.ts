import { withoutHeaders } from '../batch/record-headers.ts'
import type { RowKernel, StopReason } from '../kernel/row-kernel.ts'
import { namesSchema } from '../rows/header-names.ts'
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
 * Sends the rows of a run to the output, as the kernel writes them, and those that fail to the dead letters.
 *
 * @param useVersion has the kernel use the model of a version
 */
export async function encodeRun(
  kernel: RowKernel,
  { from, to, bodyShift, isInHeader }: SentRun,
  { output, deadLetter }: RowTarget,
  useVersion?: (version: number) => Promise<void>,
): Promise<void> {
  const { records } = kernel
  for (let row = from; row < to; ) {
    // Headers that name a schema are rare: such rows go one by one.
    const end = isInHeader ? row + 1 : to
    if (isInHeader) kernel.useHeaders(otherHeaders(kernel, row))
    const { next, isTooLarge } = await output.encodeRows(kernel, row, end)
    row = next
    if (row === end) continue
    if (isTooLarge) kernel.retract(row)
    const stop = isTooLarge ? tooLarge : kernel.stop
    if (stop?.kind === 'version') await useVersion?.(stop.version)
    else if (stop !== undefined) {
      if (bodyShift !== 0) shiftBodies(records, row, row + 1, -bodyShift)
      await deadLetter(records, row++, stop.error)
    }
  }
}

const tooLarge: StopReason = { kind: 'error', error: rowErrors.tooLarge }

/** Readers would take what is written for what the header names. */
function otherHeaders({ records: { bytes, valueEnd, recordEnd } }: RowKernel, row: number): Uint8Array {
  return withoutHeaders(bytes.subarray(valueEnd[row], recordEnd[row]), namesSchema)
}
