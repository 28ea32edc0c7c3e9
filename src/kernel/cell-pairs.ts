import type { ModeTable } from '../mixture/mode-table.ts'
import { rootCells, unresolvedPair } from './layout.ts'

/** A mode and a slot of counts. */
export interface CellPair {
  readonly mode: number
  readonly slot: number
  /** from here on numbers of its cells belong to the next pair; Infinity if none do */
  edge: number
}

/** The root of a mode table whose cells name a mode and a slot of counts at once. */
export interface CellPairs {
  /**
   * a pair each, that of the cell's lowest numbers, or `unresolvedPair`: where two modes or three edges are;
   * shape (rootCells)
   */
  readonly cells: Uint8Array
  /** ascending by cell */
  readonly pairs: readonly CellPair[]
}

/** @param edges of the slots, ascending: the slot of a number is the count of edges at or below it */
export function cellPairs({ rootModes, low, cellsPerUnit }: ModeTable, edges: Float64Array): CellPairs {
  const cells = new Uint8Array(rootCells).fill(unresolvedPair)
  const pairs: CellPair[] = []
  let slot = 0
  for (let cell = 0; cell < rootCells; cell++) {
    // An edge at the very beginning of a cell does not divide it.
    for (; slot < edges.length && cellOf(nextDown(edges[slot]), low[0], cellsPerUnit[0]) < cell; slot++);
    let above = slot
    for (; above < edges.length && cellOf(edges[above], low[0], cellsPerUnit[0]) <= cell; above++);
    const mode = rootModes[cell]
    const last = pairs.at(-1)
    const isKnown = last?.mode === mode && last.slot === slot
    if (mode === unresolvedPair || above > slot + mostEdges || pairs.length + above - slot >= unresolvedPair) continue
    if (!isKnown) pairs.push({ mode, slot, edge: Infinity })
    cells[cell] = pairs.length - 1
    for (; slot < above; slot++) {
      pairs[pairs.length - 1].edge = edges[slot]
      pairs.push({ mode, slot: slot + 1, edge: Infinity })
    }
  }
  return { cells, pairs }
}

/** How many a cell may hold, and still name a pair. */
const mostEdges = 2

/** As the kernel computes it. It never falls where x rises, so that a cell is whole between its neighbours' numbers. */
function cellOf(x: number, low: number, cellsPerUnit: number): number {
  return Math.trunc(Math.min(Math.max((x - low) * cellsPerUnit, 0), rootCells - 1))
}

const double = new Float64Array(1)
const bits = new BigInt64Array(double.buffer)

/** The largest double below x. */
function nextDown(x: number): number {
  if (x === 0) return -Number.MIN_VALUE
  double[0] = x
  bits[0] += x > 0 ? -1n : 1n
  return double[0]
}
