import { copyBytes } from '../batch/copy-bytes.ts'
import { layoutPrefixBytes, type Records } from '../batch/records.ts'
import type { FixedLayoutWriter } from '../batch/value-writer.ts'

/** Writes each row's value as it came in. */
export class CopiedValues implements FixedLayoutWriter {
  readonly #records: Records

  constructor(records: Records) {
    this.#records = records
  }

  valueBytes(row: number): number {
    const { valueStart, valueEnd } = this.#records
    return valueStart[row] < 0 ? -1 : valueEnd[row] - valueStart[row]
  }

  writeValue(row: number, out: Uint8Array, view: DataView, at: number): number {
    const { bytes, view: source, valueStart, valueEnd } = this.#records
    return copyBytes(bytes, source, valueStart[row], valueEnd[row], out, view, at)
  }

  fixedLayoutBytes(from: number): number {
    return this.#records.hasFixedLayout ? this.valueBytes(from) : 0
  }

  writeHead(out: Uint8Array, view: DataView, at: number): void {
    const { bytes, view: source, valueStart } = this.#records
    copyBytes(bytes, source, valueStart[0], valueStart[0] + layoutPrefixBytes, out, view, at)
  }

  writeFixedLayout(from: number, to: number, out: Uint8Array, view: DataView, at: number, stride: number): void {
    const { bytes, view: source, valueStart, valueEnd } = this.#records
    for (let row = from, start = at + layoutPrefixBytes; row < to; row++, start += stride)
      copyBytes(bytes, source, valueStart[row] + layoutPrefixBytes, valueEnd[row], out, view, start)
  }
}
