import type { Records } from '../batch/records.ts'
import type { ValueWriter } from '../batch/value-writer.ts'

/** Writes each row's value as it came in. */
export class CopiedValues implements ValueWriter {
  readonly #records: Records

  constructor(records: Records) {
    this.#records = records
  }

  valueBytes(row: number): number {
    const { valueStart, valueEnd } = this.#records
    return valueStart[row] < 0 ? -1 : valueEnd[row] - valueStart[row]
  }

  writeValue(row: number, out: Uint8Array, _view: DataView, at: number): number {
    const { bytes, valueStart, valueEnd } = this.#records
    out.set(bytes.subarray(valueStart[row], valueEnd[row]), at)
    return at + valueEnd[row] - valueStart[row]
  }
}
