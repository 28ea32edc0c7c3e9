/** A matrix of float32 that is being written, row after row. */
export interface RowsWriter {
  /** @param values whole rows; not touched any more when the promise is settled */
  append(values: Float32Array): Promise<void>
  /** Ends the file. */
  close(): Promise<void>
}

/** One that is written in groups of rows, column after column. */
export interface ColumnsWriter {
  /** @param column gives the rows of a column, which may use its memory again for the next one */
  append(rows: number, column: (c: number) => Float32Array): Promise<void>
  /** Ends the file. */
  close(): Promise<void>
}
