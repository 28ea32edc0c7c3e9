/** Writes the values of rows straight into an outgoing batch. One implementation a kind of output row. */
export interface ValueWriter {
  /** Size of row `row`'s value in bytes, exactly what `writeValue` will write; -1 for a null value. */
  valueBytes(row: number): number
  /**
   * Writes row `row`'s value from `at` on and returns the position after it.
   *
   * @param out  has room for `valueBytes(row)` bytes from `at`
   * @param view over the same memory as `out`, same origin
   */
  writeValue(row: number, out: Uint8Array, view: DataView, at: number): number
}
