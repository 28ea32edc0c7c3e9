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

/** A writer whose values often have one size, so that they are at equal distances in the batch. */
export interface FixedLayoutWriter extends ValueWriter {
  /**
   * The size that the values of all rows in [from, to) have if it is one, none of them null; otherwise, or if it is not
   * known, 0.
   */
  fixedLayoutBytes(from: number, to: number): number
  /** Writes the common beginning of all values of the run; the caller copies it to each of them. */
  writeHead(out: Uint8Array, view: DataView, at: number): void
  /**
   * Writes the values of rows [from, to), which `fixedLayoutBytes` has found to be of one size, but for their head: the
   * first at `at`, each next one `stride` bytes after the one before.
   */
  writeFixedLayout(from: number, to: number, out: Uint8Array, view: DataView, at: number, stride: number): void
}

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
