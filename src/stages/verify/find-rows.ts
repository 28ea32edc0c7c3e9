import type { Source, StockRow } from '../../ports/stock-log.ts'
import type { ExpectedRow, FileComparison } from './compare-file.ts'
import type { RowWindow } from './row-window.ts'

/** Rows that must be equal, one after the other, where a file's rows begin. */
const certainRows = 256

/**
 * Passes over rows until those of a file begin. They begin where a load began: its rows have one time, another than the
 * row before, unless each has its own. Rows that repeat, as those of a few truth values, would be found anywhere else.
 *
 * @returns false if they begin nowhere; all rows have been passed over then
 */
export async function skipToFile(
  comparison: FileComparison,
  expected: RowWindow<ExpectedRow>,
  found: RowWindow<StockRow>,
): Promise<boolean> {
  await expected.fill(certainRows)
  const rows = Math.min(certainRows, expected.length)
  let timestamp: string | undefined
  for (;;) {
    await found.fill(1)
    if (found.length === 0) return false
    const first = found.peek(0)
    const mayBegin = comparison.hasRowTimes || first.timestamp !== timestamp
    timestamp = first.timestamp
    if (mayBegin && comparison.isEqual(expected.peek(0), first) && (await areEqual(comparison, expected, found, rows)))
      return true
    found.skip(1)
  }
}

async function areEqual(
  comparison: FileComparison,
  expected: RowWindow<ExpectedRow>,
  found: RowWindow<StockRow>,
  rows: number,
): Promise<boolean> {
  await found.fill(rows)
  if (found.length < rows) return false
  for (let i = 1; i < rows; i++) if (!comparison.isEqual(expected.peek(i), found.peek(i))) return false
  return true
}

/** What a window shows and what follows. */
export function restOf<T>(window: RowWindow<T>): Source<T> {
  return {
    async next() {
      await window.fill(1)
      if (window.length === 0) return undefined
      const items = Array.from({ length: window.length }, (_, i) => window.peek(i))
      window.skip(items.length)
      return items
    },
  }
}
