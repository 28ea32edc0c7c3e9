import { likeliestMode, type Quadratics } from './likeliest-mode.ts'

/** A model's quadratics, and the weights and widths that tell where its rows are; Float64Arrays, shape (K). */
export interface ModeQuadratics extends Quadratics {
  readonly offset: Float64Array
  readonly mean: Float64Array
  readonly precision: Float64Array
  /** in the unit of the column */
  readonly std: Float64Array
  readonly weight: Float64Array
}

/**
 * The most likely mode by look-up: exact, and in a time that does not depend on the number of modes.
 *
 *     cells of the root:  | T | 0 | 0 | T | 1 | 1 | L | 2 | T |     a mode, a table, or a list
 *                           |           |           |
 *     cells of table T:     '-> ...     |           '--> the modes that can win in that cell, evaluated as defined
 *                               | 0 | 0 | L | 1 |
 *
 * Most boundaries of a heavy-tailed column lie in one cell of a table that spans it all. So the root spans the range
 * that settles the most rows by itself; its first and last cell lead to a table for the rest of the line, and other
 * cells that hold many rows and a boundary to tables of their own. A cell names one mode only if that mode's score is
 * ahead by more than rounding can make up, everywhere in the cell.
 */
export interface ModeTable {
  /** start of each table's first cell, in the unit of the column; table 0 is the root */
  readonly low: Float64Array
  readonly cellsPerUnit: Float64Array
  readonly cellCount: Int32Array
  /** where each table's cells begin in `cells` */
  readonly firstCell: Int32Array
  /** below `tables`: a mode; below `lists`: `tables` + a table; else `lists` + a list */
  readonly cells: Uint16Array
  /** candidates of each list, ascending */
  readonly candidates: readonly Uint8Array[]
  /** the root's cells once more, `unresolved` where they are no mode */
  readonly rootModes: Uint8Array
}

const unresolved = 255
export const rootCells = 16_384

/** Cells of the other tables. */
const tableCells = 512

const tables = 256
const lists = 512
const mostTables = 64

/** A cell with a boundary gets a table of its own if it holds this share of the rows or more. */
const leastMass = 1e-3

/** How far a table reaches beyond the means of its modes, in their std. */
const reach = 8

/** No table goes beyond, so that its width stays finite. */
const farthest = 1e300

/** Cells are taken a little wider than they are, so that the rounding of a place cannot leave them. */
const overlap = 1e-3

/** A stretch of the line in equal cells. */
interface Range {
  readonly cells: number
  readonly low: number
  readonly high: number
}

/**
 * Builds the table of a model, in 5 to 20 ms for ten modes.
 *
 * @param modes shape (K), K at most 255
 */
export function modeTable(modes: ModeQuadratics): ModeTable {
  const all = Array.from(modes.mean.keys())
  const candidateRoots = rangesOf(modes)
  const widest = candidateRoots[candidateRoots.length - 1]
  const root = settlingMost(
    modes,
    candidateRoots.filter((_, i) => (i + 1) % Math.ceil(candidateRoots.length / mostRoots) === 0),
  )
  const ranges: Range[] = [{ ...root, cells: rootCells }, widest]
  const firstCell: number[] = []
  const cells: number[] = []
  const candidates: Uint8Array[] = []
  const listOf = new Map<string, number>()
  for (let table = 0; table < ranges.length; table++) {
    firstCell.push(cells.length)
    const count = ranges[table].cells
    for (let i = 0; i < count; i++) {
      const isEdge = i === 0 || i === count - 1
      if (table === 0 && isEdge) {
        cells.push(tables + 1)
        continue
      }
      const cell = cellRange(ranges[table], i)
      // Beyond the widest range nothing is proven, so that values there meet all modes.
      const winners = table === 1 && isEdge ? all : possibleWinners(modes, cell)
      if (winners.length === 1) cells.push(winners[0])
      else if (!isEdge && ranges.length < mostTables && isDivisible(cell) && mass(modes, cell) >= leastMass) {
        cells.push(tables + ranges.length)
        ranges.push({ ...cell, cells: tableCells })
      } else {
        const key = winners.join()
        const list = listOf.get(key) ?? candidates.push(Uint8Array.from(winners)) - 1
        listOf.set(key, list)
        cells.push(lists + list)
      }
    }
  }
  return {
    low: Float64Array.from(ranges, ({ low }) => low),
    cellsPerUnit: Float64Array.from(ranges, cellsPerUnit),
    cellCount: Int32Array.from(ranges, (range) => range.cells),
    firstCell: Int32Array.from(firstCell),
    cells: Uint16Array.from(cells),
    candidates,
    rootModes: Uint8Array.from(cells.slice(0, rootCells), (entry) => Math.min(entry, unresolved)),
  }
}

/** The mode of a value whose root cell is unresolved. */
export function resolveMode(table: ModeTable, modes: ModeQuadratics, x: number): number {
  const { low, cellsPerUnit, cellCount, firstCell, cells } = table
  let entry = tables
  while (entry >= tables && entry < lists) {
    const below = entry - tables
    const place = Math.min(Math.max((x - low[below]) * cellsPerUnit[below], 0), cellCount[below] - 1)
    entry = cells[firstCell[below] + Math.trunc(place)]
  }
  return entry < tables ? entry : likeliestOf(table.candidates[entry - lists], modes, x)
}

/** likeliestMode among some modes only; the others are known to lose. */
function likeliestOf(candidates: Uint8Array, { offset, mean, precision }: ModeQuadratics, x: number): number {
  let mode = candidates[0]
  let best = -Infinity
  for (let i = 0; i < candidates.length; i++) {
    const k = candidates[i]
    const d = x - mean[k]
    const score = offset[k] - 0.5 * precision[k] * d * d
    if (score > best) {
      best = score
      mode = k
    }
  }
  return mode
}

/** The ranges of the narrowest mode, of the two narrowest, and so on to all of them. */
function rangesOf({ mean, std }: ModeQuadratics): Range[] {
  let low = Infinity
  let high = -Infinity
  const narrowestFirst = Array.from(mean.keys()).sort((a, b) => std[a] - std[b])
  return narrowestFirst.map((k) => {
    low = Math.max(-farthest, Math.min(low, mean[k] - reach * std[k]))
    high = Math.min(farthest, Math.max(high, mean[k] + reach * std[k]))
    if (!(low < high)) return { cells: tableCells, low: -1, high: 1 }
    // Wider by more than a cell on both sides: the first and the last cell stand for the outside.
    const width = (high - low) / (tableCells - 2)
    return { cells: tableCells, low: low - width, high: high + width }
  })
}

/** More candidates for the root would take seconds where there are hundreds of modes. */
const mostRoots = 16

/** Quantiles of each mode that stand for its rows while candidates for the root are compared. */
const quantiles = 64

/** The range whose cells settle the largest share of the rows. */
function settlingMost(modes: ModeQuadratics, ranges: readonly Range[]): Range {
  const { mean, std, weight } = modes
  const settled = ranges.map(({ low, high }) => {
    const root = { cells: rootCells, low, high }
    let share = 0
    for (let k = 0; k < mean.length; k++) {
      for (let i = 0; i < quantiles; i++) {
        const p = (i + 0.5) / quantiles
        const x = mean[k] + (std[k] * Math.log(p / (1 - p))) / logisticScale
        const cell = Math.floor((x - low) * cellsPerUnit(root))
        if (cell > 0 && cell < rootCells - 1 && hasOneWinner(modes, cellRange(root, cell))) share += weight[k]
      }
    }
    return share
  })
  return ranges[settled.indexOf(Math.max(...settled))]
}

/** The logistic curve of this scale is the normal one, within 1 %. */
const logisticScale = 1.702

/** About the share of the rows in a range. */
function mass({ mean, std, weight }: ModeQuadratics, { low, high }: Range): number {
  const below = (z: number) => 1 / (1 + Math.exp(-logisticScale * z))
  let share = 0
  for (let k = 0; k < mean.length; k++)
    share += weight[k] * (below((high - mean[k]) / std[k]) - below((low - mean[k]) / std[k]))
  return share
}

/** 0 for a range that no double divides: all its values then share the first cell. */
function cellsPerUnit({ cells, low, high }: Range): number {
  const perUnit = cells / (high - low)
  return Number.isFinite(perUnit) ? perUnit : 0
}

function cellRange(range: Range, cell: number): Range {
  const width = (range.high - range.low) / range.cells
  const pad = overlap * width + 8 * Number.EPSILON * Math.max(Math.abs(range.low), Math.abs(range.high))
  return { cells: 1, low: range.low + cell * width - pad, high: range.low + (cell + 1) * width + pad }
}

const isDivisible = ({ low, high }: Range) =>
  high - low > tableCells * 64 * Number.EPSILON * Math.max(Math.abs(low), Math.abs(high))

/**
 * The modes that likeliestMode may return somewhere in the range, ascending: all but those that surely lose to the
 * middle's winner.
 */
function possibleWinners(modes: ModeQuadratics, { low, high }: Range): number[] {
  const middle = low / 2 + high / 2
  const winner = likeliestMode(modes, middle)
  const winners: number[] = []
  for (let k = 0; k < modes.mean.length; k++) {
    if (k === winner || !surelyBelow(modes, k, winner, middle, high - middle)) winners.push(k)
  }
  return winners
}

/** Whether possibleWinners would find one mode only. */
function hasOneWinner(modes: ModeQuadratics, { low, high }: Range): boolean {
  const middle = low / 2 + high / 2
  const winner = likeliestMode(modes, middle)
  for (let k = 0; k < modes.mean.length; k++) {
    if (k !== winner && !surelyBelow(modes, k, winner, middle, high - middle)) return false
  }
  return true
}

/** Whether score k is below that of the winner for all x within `half` of `middle`, whatever the rounding. */
function surelyBelow(
  { offset, mean, precision }: ModeQuadratics,
  k: number,
  winner: number,
  middle: number,
  half: number,
): boolean {
  // Relative to the middle: a vertex computed from timestamps themselves would have lost its digits.
  const u = mean[k] - middle
  const v = mean[winner] - middle
  const p = precision[k]
  const q = precision[winner]
  // A twin's score is the same double everywhere, and ties go to the lowest.
  if (u === v && p === q && offset[k] === offset[winner] && k > winner) return true
  const lead = (h: number) => offset[winner] - offset[k] - 0.5 * q * (h - v) * (h - v) + 0.5 * p * (h - u) * (h - u)
  let least = Math.min(lead(-half), lead(half))
  const vertex = (p * u - q * v) / (p - q)
  if (Math.abs(vertex) < half) least = Math.min(least, lead(vertex))
  const farK = Math.abs(u) + half
  const farWinner = Math.abs(v) + half
  const size = Math.abs(offset[k]) + Math.abs(offset[winner]) + 0.5 * (p * farK * farK + q * farWinner * farWinner)
  return least > 16 * Number.EPSILON * size
}
