/** What is counted of a column's values: whole numbers, so that counts add up in any order. */
export interface ColumnTally {
  /** by slot of DriftBins, shape (slots) */
  readonly slots: readonly number[]
  /** shape (modes) */
  readonly modes: readonly number[]
}

/** What is counted of a column in a window of rows. */
export interface ColumnWindow extends ColumnTally {
  readonly nulls: number
}

/** Rows with a value. */
export function valuesIn({ slots }: Pick<ColumnTally, 'slots'>): number {
  return slots.reduce((sum, count) => sum + count, 0)
}

/** The counts of the rows of both. */
export function merged(a: ColumnWindow, b: ColumnWindow): ColumnWindow {
  return { slots: added(a.slots, b.slots), modes: added(a.modes, b.modes), nulls: a.nulls + b.nulls }
}

const added = (a: readonly number[], b: readonly number[]) => a.map((count, i) => count + b[i])
