import type { ModeTable } from '../mixture/mode-table.ts'
import { rootCells, unresolvedPair } from './layout.ts'

/** The root of a mode table whose cells name a mode and a slot of counts at once. */
export interface CellPairs {
  /** a pair each, or `unresolvedPair`: where no mode or no slot is the only one; shape (rootCells) */
  readonly cells: Uint8Array
  /** of each pair, ascending by cell */
  readonly modes: readonly number[]
  readonly slots: readonly number[]
}

/** @param edges of the slots, ascending: the slot of a number is the count of edges at or below it */
export function cellPairs({ rootModes, low, cellsPerUnit }: ModeTable, edges: Float64Array): CellPairs {
  const cells = new Uint8Array(rootCells).fill(unresolvedPair)
  const [modes, slots]: [number[], number[]] = [[], []]
  const known = new Map<number, number>()
  let slot = 0
  for (let cell = 0; cell < rootCells; cell++) {
    let isDivided = false
    for (; slot < edges.length && cellOf(edges[slot], low[0], cellsPerUnit[0]) <= cell; slot++)
      isDivided ||= cellOf(nextDown(edges[slot]), low[0], cellsPerUnit[0]) === cell
    if (isDivided || rootModes[cell] === unresolvedPair) continue
    const key = 256 * slot + rootModes[cell]
    let pair = known.get(key)
    if (pair === undefined) {
      if (modes.length === unresolvedPair) continue
      pair = modes.push(rootModes[cell]) - 1
      slots.push(slot)
      known.set(key, pair)
    }
    cells[cell] = pair
  }
  return { cells, modes, slots }
}

/** As the kernel computes it. It never falls where x rises, so that a cell is whole between its neighbours' numbers. */
function cellOf(x: number, low: number, cellsPerUnit: number): number {
  const place = (x - low) * cellsPerUnit
  return Math.trunc(Math.min(place > 0 ? place : 0, rootCells - 1))
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
