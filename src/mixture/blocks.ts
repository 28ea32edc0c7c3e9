/**
 * Rows in groups that share their responsibilities; single rows are blocks of one without spread.
 * Kurihara, Welling, Vlassis, Accelerated variational Dirichlet process mixtures, NIPS 2006.
 */
export interface Blocks {
  /** rows a block stands for, shape (n); need not be whole */
  readonly count: Float64Array
  /** mean of the block's rows, shape (n) */
  readonly value: Float64Array
  /** variance of the rows inside the block (divided by the count), shape (n), in the unit of `value` squared */
  readonly spread: Float64Array
}

/** One block a row; `weights`, where given, are the counts. */
export function rowBlocks(values: Float64Array, weights?: Float64Array): Blocks {
  return {
    count: weights ?? new Float64Array(values.length).fill(1),
    value: values,
    spread: new Float64Array(values.length),
  }
}
