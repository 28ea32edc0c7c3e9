/** How an expected item and a found one are compared. */
export interface Comparison<L, R> {
  /** What differs; undefined if the found item is what is expected. Called once a row. */
  difference(expected: L, found: R): string | undefined
  /** Whether both are the same row, however wrong its content: same key and timestamp. */
  isSameRow(expected: L, found: R): boolean
  /**
   * Texts that are equal where `difference` finds none, or nearly always; `undefined` where there is no such text. For
   * many items at once, and only around a difference.
   */
  prints(expected: readonly L[], found: readonly R[]): Prints
}

export interface Prints {
  readonly expected: readonly (string | undefined)[]
  readonly found: readonly (string | undefined)[]
}
