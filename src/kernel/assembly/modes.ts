import {
  columnCellsPerUnit,
  columnLists,
  columnLow,
  columnModeCount,
  columnModes,
  columnTables,
  firstList,
  firstTable,
  modeBytes,
  modeMean,
  modeOffset,
  modePrecision,
  tableBytes,
  tableCellCount,
  tableCells,
  tableCellsPerUnit,
  tableLow,
} from '../layout'

/** The mode of a number whose cell of the root names none: as `resolveMode` and `likeliestMode` of mixture/. */
export function resolveMode(column: usize, x: f64): u32 {
  const tables = load<usize>(column, columnTables)
  if (tables == 0) return likeliest(column, 0, load<u32>(column, columnModeCount), x)
  let entry: i32 = firstTable
  while (entry >= firstTable && entry < firstList) {
    const table = tables + <usize>((entry - firstTable) * tableBytes)
    let place = (x - load<f64>(table, tableLow)) * load<f64>(table, tableCellsPerUnit)
    const last = <f64>(load<i32>(table, tableCellCount) - 1)
    place = place > 0 ? place : 0
    place = place < last ? place : last
    entry = <i32>load<u16>(load<usize>(table, tableCells) + (<usize><i32>place << 1))
  }
  if (entry < firstTable) return <u32>entry
  // A list: its length, then the modes.
  const list = load<usize>(load<usize>(column, columnLists) + (<usize>(entry - firstList) << 2))
  return likeliest(column, list + 1, load<u8>(list), x)
}

/** The mode with the highest score among those listed, all for none; ties go to the lowest. */
function likeliest(column: usize, list: usize, count: u32, x: f64): u32 {
  const modes = load<usize>(column, columnModes)
  let mode: u32 = list == 0 ? 0 : load<u8>(list)
  let best = -Infinity
  for (let i: u32 = 0; i < count; i++) {
    const k = list == 0 ? i : <u32>load<u8>(list + i)
    const place = modes + k * modeBytes
    const d = x - load<f64>(place, modeMean)
    const score = load<f64>(place, modeOffset) - 0.5 * load<f64>(place, modePrecision) * d * d
    if (score > best) {
      best = score
      mode = k
    }
  }
  return mode
}
