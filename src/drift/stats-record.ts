import { type ColumnWindow, merged } from './column-window.ts'

/**
 * What one member has counted in one window, as it stands in the stats topic: JSON text, so that an operator can read
 * it without the registry. A later record of the same key holds the counts of the earlier one as well.
 */
export interface StatsRecord {
  readonly dataset: string
  /** of the model, whose bins these are */
  readonly version: number
  /** of the model's content: whoever deletes the models topic gives its versions out again */
  readonly content: string
  /** of the clock of the member; ms since the epoch, a multiple of intervalMs */
  readonly windowStartMs: number
  readonly intervalMs: number
  /** of the member's start: no two members count under one key */
  readonly run: string
  /** that were normalized: those with a value and those with a null, in each column */
  readonly rows: number
  readonly columns: readonly (ColumnWindow & { readonly name: string })[]
}

/** @example statsKey(record) // 'flights/3/1764400020000/5f0c9a' */
export function statsKey({ dataset, version, windowStartMs, run }: StatsRecord): string {
  return `${dataset}/${version}/${windowStartMs}/${run}`
}

/** The data set of a key; undefined for what is none. */
export function datasetOfKey(key: string): string | undefined {
  return /^([^/]+)\/\d+\/\d+\/[^/]+$/.exec(key)?.[1]
}

const format = 1

export function statsText(record: StatsRecord): string {
  return JSON.stringify({ format, ...record })
}

/** Undefined for a text that `statsText` never makes, as one of a later format. */
export function parseStats(text: string): StatsRecord | undefined {
  try {
    const { format: written, ...record } = JSON.parse(text) as StatsRecord & { format: unknown }
    return written === format && isRecord(record) ? record : undefined
  } catch {
    return undefined
  }
}

function isRecord(record: StatsRecord): boolean {
  const { dataset, version, content, windowStartMs, intervalMs, run, rows, columns } = record
  const areTexts = [dataset, content, run].every((value) => typeof value === 'string')
  const areNumbers = [version, windowStartMs, intervalMs, rows].every((value) => Number.isSafeInteger(value))
  return areTexts && areNumbers && Array.isArray(columns) && columns.every(isColumn)
}

function isColumn({ name, slots, modes, nulls }: StatsRecord['columns'][number]): boolean {
  const areCounts = (counts: unknown) =>
    Array.isArray(counts) && counts.every((count) => Number.isSafeInteger(count) && count >= 0)
  return typeof name === 'string' && areCounts(slots) && areCounts(modes) && areCounts([nulls])
}

/** The counts of all members in one window. */
export interface StatsWindow {
  readonly startMs: number
  readonly endMs: number
  readonly rows: number
  /** in the order of the model's columns */
  readonly columns: readonly ColumnWindow[]
}

/** Adds up the records of one model by window, the oldest first. Records of other bins are left out. */
export function statsWindows(
  records: Iterable<StatsRecord>,
  columns: readonly { readonly name: string; readonly slots: number; readonly modes: number }[],
): StatsWindow[] {
  const windows = new Map<string, StatsWindow>()
  for (const { windowStartMs: startMs, intervalMs, rows, columns: counted } of records) {
    const own = columns.map(({ name, slots, modes }) =>
      counted.find((column) => column.name === name && column.slots.length === slots && column.modes.length === modes),
    )
    if (own.some((column) => column === undefined)) continue
    const window = { startMs, endMs: startMs + intervalMs, rows, columns: own as ColumnWindow[] }
    const key = `${startMs}/${intervalMs}`
    const before = windows.get(key)
    windows.set(key, before === undefined ? window : together(before, window))
  }
  return [...windows.values()].sort((a, b) => a.startMs - b.startMs || a.endMs - b.endMs)
}

/** One window with the rows of both. */
export function together(a: StatsWindow, b: StatsWindow): StatsWindow {
  return {
    startMs: Math.min(a.startMs, b.startMs),
    endMs: Math.max(a.endMs, b.endMs),
    rows: a.rows + b.rows,
    columns: a.columns.map((column, i) => merged(column, b.columns[i])),
  }
}

/** Joins neighbouring windows until each has so many rows; the rest has not enough yet. */
export function joinedWindows(
  windows: readonly StatsWindow[],
  leastRows: number,
): { readonly full: readonly StatsWindow[]; readonly rest: StatsWindow | undefined } {
  const full: StatsWindow[] = []
  let rest: StatsWindow | undefined
  for (const window of windows) {
    rest = rest === undefined ? window : together(rest, window)
    if (rest.rows < leastRows) continue
    full.push(rest)
    rest = undefined
  }
  return { full, rest }
}
