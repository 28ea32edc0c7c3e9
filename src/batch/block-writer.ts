/** Writes the values of rows that are columns until then, one column after the other. */
export interface BlockWriter {
  /** shape (rows), size of each row's value in bytes, exactly what `writeValues` will write; none is null or empty */
  readonly valueBytes: Int32Array
  /**
   * Writes the values of rows [from, to).
   *
   * @param at   shape (rows), where the value of each of them begins; overwritten
   * @param view over the same memory as `out`, same origin
   */
  writeValues(from: number, to: number, out: Uint8Array, view: DataView, at: Int32Array): void
}
