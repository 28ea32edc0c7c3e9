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

/** One block a distinct value, ascending: the same sums over fewer terms. */
export function distinctBlocks(values: Float64Array, weights?: Float64Array): Blocks {
  const n = values.length
  const order =
    weights === undefined ? undefined : Uint32Array.from(values.keys()).sort((a, b) => values[a] - values[b])
  const sorted = order === undefined ? values.slice().sort() : Float64Array.from(order, (i) => values[i])
  const count = new Float64Array(n)
  let last = -1
  for (let i = 0; i < n; i++) {
    const x = sorted[i]
    if (last < 0 || x !== sorted[last]) sorted[++last] = x
    count[last] += order === undefined || weights === undefined ? 1 : weights[order[i]]
  }
  return {
    count: count.slice(0, last + 1),
    value: sorted.slice(0, last + 1),
    spread: new Float64Array(last + 1),
  }
}
