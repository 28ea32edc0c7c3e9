import type { Compression } from '../../src/batch/batch-header.ts'

/** How a flow is run. */
export interface Setup {
  readonly rows: number
  readonly partitions: number
  /** doubles of a row */
  readonly columns: number
  /** of each column */
  readonly modes: number
  /** of the consumer groups, a thread each */
  readonly members: number
  /** of all batches */
  readonly compression: Compression
  /** with three: replication factor 3, min ISR 2 */
  readonly brokers: 1 | 3
}

/** What is varied by itself, everything else being as `standard` has it. */
export const axisNames = ['rows', 'partitions', 'columns', 'modes', 'members', 'brokers'] as const
export type AxisName = (typeof axisNames)[number]

export interface Point extends Setup {
  readonly axis: AxisName
}

/** Values of ten million rows of one column, however many columns there are. */
export const defaultValues = 10_000_000

const standard: Omit<Setup, 'rows'> = {
  partitions: 4,
  columns: 1,
  modes: 10,
  members: 1,
  compression: 'none',
  brokers: 1,
}

/**
 * Rows that keep a processor busy: what members are for. So many that compiling, which each member does for itself, is
 * little of it.
 */
const heavy = { columns: 10, compression: 'zstd', rows: 10 } as const

/** Rows in multiples of the usual number. */
const variations: Readonly<Record<AxisName, readonly Partial<Setup>[]>> = {
  rows: [0.1, 1, 10].map((rows) => ({ rows })),
  partitions: [1, 4, 16, 64, 256, 1_000].map((partitions) => ({ partitions })),
  columns: [1, 3, 10, 30, 100].map((columns) => ({ columns })),
  modes: [1, 3, 10, 50].map((modes) => ({ modes })),
  members: [1, 2, 4].map((members) => ({ ...heavy, members })),
  brokers: ([1, 3] as const).map((brokers) => ({ brokers })),
}

/** @param values of all columns of a standard run */
export function pointsOf(axes: ReadonlySet<AxisName>, values: number): Point[] {
  return axisNames
    .filter((axis) => axes.has(axis))
    .flatMap((axis) =>
      variations[axis].map((variation) => {
        const { columns, rows: times = 1 } = { ...standard, ...variation }
        return { ...standard, ...variation, axis, rows: Math.ceil((times * values) / columns) }
      }),
    )
}

/** Columns of so many normals of equal weight, apart from each other: each mode can be found. */
export function specOf({ columns, modes }: Pick<Setup, 'columns' | 'modes'>): string {
  const parts = Array.from({ length: modes }, (_, k) => `${1 / modes}:${9 * k}:1`)
  return Array.from({ length: columns }, (_, c) => `x${c}:double=mixture(${parts.join(',')})`).join(';')
}
