/**
 * Where the bytes of a partition's log are. Everything but `sync` is synchronous. A position counts bytes from the
 * log's first one on, removed ones too, until `rewrite` starts anew.
 *
 * `describeStorage` in test/embedded/core is the contract.
 */
export interface LogStorage {
  /** position of the first byte that is held */
  readonly start: number
  /** position after the last one */
  readonly end: number
  /** offset below which nothing is read; kept with the bytes, and what an empty log goes on with */
  readonly startOffset: number
  /** Appends one piece, whose parts follow each other. The bytes are copied. */
  append(parts: readonly Uint8Array[]): void
  /**
   * The bytes [from, to), in order, not copied if they are in memory. Two buffers meet only where two pieces meet. They
   * stay as they are whatever happens to the log.
   */
  read(from: number, to: number): Buffer[]
  /** Removes what is before `position`, the begin of a piece or the end of the log. */
  cutFront(position: number, startOffset: number): void
  /** Removes what is at `position` and after it. */
  cutBack(position: number): void
  /**
   * Replaces everything by `pieces`, which may read the log meanwhile. All of them are held afterwards, or, if it fails
   * or the process is killed, what was before. Positions start anew, with any number.
   */
  rewrite(pieces: Iterable<readonly Uint8Array[]>): void
  /** Resolves once everything up to now outlives a power cut. */
  sync(): Promise<void>
}
