/** What is counted of a column in a window of rows: whole numbers, so that windows add up in any order. */
export interface ColumnWindow {
  /** rows with a value by slot of DriftBins, shape (slots) */
  readonly slots: readonly number[]
  /** rows with a value by mode, shape (modes) */
  readonly modes: readonly number[]
  readonly nulls: number
}

/** Rows with a value. */
export function valuesIn({ slots }: Pick<ColumnWindow, 'slots'>): number {
  return slots.reduce((sum, count) => sum + count, 0)
}

/** The counts of the rows of both. */
export function merged(a: ColumnWindow, b: ColumnWindow): ColumnWindow {
  return { slots: added(a.slots, b.slots), modes: added(a.modes, b.modes), nulls: a.nulls + b.nulls }
}

const added = (a: readonly number[], b: readonly number[]) => a.map((count, i) => count + b[i])
