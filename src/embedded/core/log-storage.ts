/**
 * Where the bytes of a partition's log are. Everything but `sync` is synchronous. A position counts bytes from the
 * log's first one on, removed ones too, until `rewrite` starts anew.
 *
 * `describeStorage` in test/embedded/core is the contract.
 */
export interface LogStorage {
  /** where it is, for messages */
  readonly place: string
  /** whether what it holds outlives the process */
  readonly isLasting: boolean
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
  /** Begins to replace everything. The log goes on as it is until that is committed. One at a time. */
  rewrite(): LogRewrite
  /** Resolves once everything up to now outlives a power cut. */
  sync(): Promise<void>
  /** The same, while everybody waits: for what something else must not come before. */
  syncNow(): void
  /**
   * What was noted last beside the bytes; undefined if it is not whole, or the log has been rewritten since. Notes may
   * be lost at any time.
   */
  note(): Buffer | undefined
  /** @param end up to where the log outlives a power cut */
  keepNote(note: Uint8Array, end: number): void
  /** Removes the note, for good. */
  forgetNote(): void
}

/** What a log is going to be. */
export interface LogRewrite {
  /** position of the next piece; that of the first one is 0 */
  readonly end: number
  append(parts: readonly Uint8Array[]): void
  /** Resolves once what was appended outlives a power cut. */
  sync(): Promise<void>
  /** Makes the log what was appended: as a whole, even if the process is killed, and outliving a power cut. */
  commit(): void
  /** Leaves the log as it is. */
  abandon(): void
}
