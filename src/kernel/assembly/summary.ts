import {
  binBytes,
  binCountAt,
  binOnlyAt,
  binSquaresAt,
  summaryBinCount,
  summaryBinRoom,
  summaryBins,
  summaryCentre,
  summaryCount,
  summaryMax,
  summaryMin,
  summaryOctaves,
  summaryPageCount,
  summaryPageRoom,
  summaryPages,
  summaryValues,
} from '../layout'

/**
 * Adds values to the summary of their column, as mixture/column-summary.ts does.
 *
 * @returns how many were added: the next one has no room for its bin, or no finite distance
 */
export function summarize(ctx: usize): i32 {
  const values = load<usize>(ctx, summaryValues)
  const count = load<i32>(ctx, summaryCount)
  const octaves = load<usize>(ctx, summaryOctaves)
  const pages = load<usize>(ctx, summaryPages)
  const bins = load<usize>(ctx, summaryBins)
  const centre = load<f64>(ctx, summaryCentre)
  let lowest = load<f64>(ctx, summaryMin)
  let highest = load<f64>(ctx, summaryMax)
  let i = 0
  for (; i < count; i++) {
    const x = load<f64>(values + (<usize>i << 3))
    // + 0 turns -0 into 0.
    const distance = x - centre + 0
    const bits = reinterpret<u64>(distance)
    const octave = octaves + (<usize>(bits >> 52) << 2)
    const page = load<i32>(octave)
    const place = (<usize>(bits >> 42) & 1023) << 2
    let slot: usize = page < 0 ? 0 : load<usize>(pages + <usize>page + place)
    if (slot == 0) {
      if (distance - distance != 0) break
      slot = newSlot(ctx, octave, place, x)
      if (slot == 0) break
    }
    const bin = bins + slot - binBytes
    const steps = <f64>(<i32>(bits >> 31) & 2047)
    v128.store(bin, f64x2.add(v128.load(bin), f64x2.replace_lane(f64x2.splat(1), 1, steps)))
    store<f64>(bin, load<f64>(bin, binSquaresAt) + steps * steps, binSquaresAt)
    if (load<f64>(bin, binOnlyAt) != x) store<f64>(bin, NaN, binOnlyAt)
    lowest = x < lowest ? x : lowest
    highest = x > highest ? x : highest
  }
  // + 0: whichever of the two zeros comes first leaves no trace.
  store<f64>(ctx, lowest + 0, summaryMin)
  store<f64>(ctx, highest + 0, summaryMax)
  return i
}

/** A bin with `only` as its only value; 0 if there is no room for it. */
function newSlot(ctx: usize, octave: usize, place: usize, only: f64): usize {
  const binCount = load<usize>(ctx, summaryBinCount)
  const pageCount = load<usize>(ctx, summaryPageCount)
  let page = load<i32>(octave)
  if (binCount == load<usize>(ctx, summaryBinRoom)) return 0
  if (page < 0) {
    if (pageCount == load<usize>(ctx, summaryPageRoom)) return 0
    page = <i32>(pageCount << 12)
    store<i32>(octave, page)
    store<usize>(ctx, pageCount + 1, summaryPageCount)
  }
  const bin = load<usize>(ctx, summaryBins) + binCount * binBytes
  v128.store(bin, f64x2.splat(0), binCountAt)
  store<f64>(bin, 0, binSquaresAt)
  store<f64>(bin, only + 0, binOnlyAt)
  store<usize>(ctx, binCount + 1, summaryBinCount)
  const slot = (binCount + 1) * binBytes
  store<usize>(load<usize>(ctx, summaryPages) + <usize>page + place, slot)
  return slot
}
