/*
 * What an audit needs of a log: rows as an ordinary client delivers them, objects and all. Deliberately not the port of
 * the row path: what that path gets wrong on reading must not be hidden by reading it the same way.
 */

/** A row as a stock consumer delivers it. */
export interface StockRow {
  /** decimal */
  readonly offset: string
  /** ms since the epoch, decimal */
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** an array where a name stands several times */
  readonly headers?: StockHeaders | undefined
  /** the row as it stands in the topic, where it is here as if it named its schema in the ordinary way */
  readonly written?: StockRow
}

/** Clients type it as if there were no null; Kafka has it. */
export type HeaderValue = Buffer | string | null

export type StockHeaders = Readonly<Record<string, HeaderValue | HeaderValue[] | undefined>>

/** Something that gives its items in pieces; a new piece is made when the one before is used up. */
export interface Source<T> {
  /** Not empty; undefined at the end. */
  next(): Promise<readonly T[] | undefined>
}

/** Rows of a range, but for those of batches that nobody can read. */
export interface RowSource extends Source<StockRow> {
  /** Offsets of the batches that were passed over so far, `end` excluded. */
  readonly unreadable: readonly OffsetRange[]
}

/** Offsets of one partition, `end` excluded. */
export interface OffsetRange {
  readonly partition: number
  readonly start: number
  readonly end: number
}

/** Reads committed rows with a stock client. */
export interface StockLog {
  /** The rows of a range in order. Several may be read at the same time, one for each partition. */
  read(topic: string, range: OffsetRange): Promise<RowSource>
  close(): Promise<void>
}

/**
 * The last value of a header as text; undefined if there is none. The last, because what a stage adds comes after the
 * row's own: a dead letter that was sent again and failed again has ours twice.
 */
export function headerText({ headers }: StockRow, name: string): string | undefined {
  const value = headers?.[name]
  const last = Array.isArray(value) ? value.at(-1) : value
  return last?.toString()
}
