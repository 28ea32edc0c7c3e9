import {
  columnCellsPerUnit,
  columnClip,
  columnEdges,
  columnHalfEdges,
  columnLow,
  columnCountsByMode,
  columnModes,
  columnNulls,
  columnPairs,
  columnRoot,
  columnCountsBySlot,
  columnUnits,
  columnValues,
  errorBadMode,
  errorMalformed,
  modeBytes,
  modeMean,
  modeScale,
  pairBytes,
  pairCount,
  pairEdge,
  pairMean,
  pairMode,
  pairScale,
  rootCells,
  unresolvedPair,
} from '../layout'
import { resolveMode } from './modes'
import { readVarint, varintEnd } from './varint'

/** From here on numbers have nothing to round: 2^52. */
const largestUnits: f64 = 4503599627370496

/** Whether a number of the row at hand is too far from all modes. */
export let isBeyond = false

/** Before the next row. */
@inline
export function forgetBeyond(): void {
  isBeyond = false
}

/**
 * The cell of the root that a number is in. For what is far out, or not finite, it is either of the outermost two,
 * which name no mode: processors differ in what they convert it to.
 */
@inline
function rootCell(column: usize, x: f64): usize {
  const place = (x - load<f64>(column, columnLow)) * load<f64>(column, columnCellsPerUnit)
  return <usize>min<u32>(i32x4.extract_lane(i32x4.relaxed_trunc_f64x2_s_zero(f64x2.splat(place)), 0), rootCells - 1)
}

/**
 * Writes the normalized number and its mode, and counts it; returns the position after them, or 0 for what is no finite
 * number.
 */
@inline
export function putNormalized(column: usize, x: f64, out: usize): usize {
  const cell = <usize>load<u8>(load<usize>(column, columnRoot) + rootCell(column, x))
  if (cell == unresolvedPair) return x - x != 0 ? 0 : putUnresolved(column, x, out)
  const pair = load<usize>(column, columnPairs) + cell * pairBytes
  // No jump, for none could be foreseen.
  const edges = <usize>(x >= load<f64>(pair, pairEdge)) + <usize>(x >= load<f64>(pair, pairEdge + pairBytes))
  add(pair + edges * pairBytes + pairCount)
  const value = (x - load<f64>(pair, pairMean)) / load<f64>(pair, pairScale)
  return putClipped(column, value, load<u32>(pair, pairMode), out)
}

function putUnresolved(column: usize, x: f64, out: usize): usize {
  const mode = resolveMode(column, x)
  add(load<usize>(column, columnCountsByMode) + (mode << 2))
  add(load<usize>(column, columnCountsBySlot) + slotOf(column, x))
  const place = load<usize>(column, columnModes) + mode * modeBytes
  const mean = load<f64>(place, modeMean)
  const scale = load<f64>(place, modeScale)
  const value = (x - mean) / scale
  if (load<f64>(column, columnClip) == Infinity) {
    const restored = value * scale + mean
    if (restored - restored != 0) isBeyond = true
  }
  return putClipped(column, value, mode, out)
}

@inline
function add(count: usize): void {
  store<i32>(count, load<i32>(count) + 1)
}

/** Four times the number of edges at or below x: where its slot is counted. */
@inline
function slotOf(column: usize, x: f64): usize {
  const first = load<usize>(column, columnEdges)
  let edge = first
  for (let half = load<usize>(column, columnHalfEdges); half != 0; half = (half >> 1) & ~7)
    edge = select<usize>(edge + half, edge, load<f64>(edge + half - 8) <= x)
  return (edge - first) >> 1
}

@inline
function putClipped(column: usize, value: f64, mode: u32, out: usize): usize {
  const next = putPair(value, mode, out)
  // Few are cut off. A jump, for else the compiler cuts all of them off, and takes one of both.
  const clip = load<f64>(column, columnClip)
  if (abs<f64>(value) > clip) store<f64>(out, copysign<f64>(clip, value))
  return next
}

@inline
export function putPair(value: f64, mode: u32, out: usize): usize {
  store<f64>(out, value)
  if (mode < 64) {
    store<u8>(out, <u8>(mode << 1), 8)
    return out + 9
  }
  store<u8>(out, <u8>((mode << 1) | 128), 8)
  store<u8>(out, <u8>(mode >> 6), 9)
  return out + 10
}

/** The number that a value and a mode stand for, with as many decimals as its column has. */
@inline
export function restored(column: usize, value: f64, mode: u32): f64 {
  const place = load<usize>(column, columnModes) + mode * modeBytes
  const x = value * load<f64>(place, modeScale) + load<f64>(place, modeMean)
  const units = load<f64>(column, columnUnits)
  if (units == 0) return x
  const rounded = Math.floor(x * units + 0.5)
  // Whole numbers without the division.
  if (units == 1 && Math.abs(rounded) < largestUnits) return rounded
  return Math.abs(rounded) < largestUnits ? rounded / units : x
}

/** The nearest whole number, the higher one of two. */
@inline
export function toInteger(x: f64): i64 {
  const floor = Math.floor(x)
  return <i64>(x - floor >= 0.5 ? floor + 1 : floor)
}

/** The mode behind a normalized value; an error, negated, if it cannot be any model's. Ends at `varintEnd`. */
@inline
export function readMode(at: usize, limit: usize): i32 {
  const mode = readVarint(at, limit, 5)
  if (varintEnd == 0) return -errorMalformed
  return mode < 0 || mode > 255 ? -errorBadMode : <i32>mode
}

@inline
export function keep(column: usize, row: i32, x: f64): void {
  store<f64>(load<usize>(column, columnValues) + (<usize>row << 3), x)
  store<u8>(load<usize>(column, columnNulls) + row, 0)
}

@inline
export function kept(column: usize, row: i32): f64 {
  return load<f64>(load<usize>(column, columnValues) + (<usize>row << 3))
}
