/** Records as they stand in a batch. */
export interface EncodedRows {
  /** borrowed until the next call */
  readonly bytes: Uint8Array
  /** the first row that is not among them */
  readonly next: number
  /** records of the batch, with these */
  readonly count: number
  readonly baseMs: number
  readonly maxMs: number
  /** whether the next row has to wait: for another batch, or for what is to be done about it */
  readonly isStopped: boolean
}

/** Writes rows as the next records of a batch, with their keys, headers and times, and values of its own. */
export interface RowEncoder {
  /**
   * Encodes some of the rows [row, to).
   *
   * @param sizeBytes  of the batch so far
   * @param limitBytes size that a batch of more than one record does not exceed
   * @param count      records of the batch so far
   * @param baseMs     time of its first record
   * @param maxMs      latest time
   */
  encode(
    row: number,
    to: number,
    sizeBytes: number,
    limitBytes: number,
    count: number,
    baseMs: number,
    maxMs: number,
  ): EncodedRows
}
