import { isWholeValue } from '../../avro/whole-value.ts'
import { headerText, type StockRow } from '../../ports/stock-log.ts'
import { headerBytes, schemaIdOf } from './audited-framing.ts'
import { expectedMode, expectedValue, restoredNumber } from './column-terms.ts'
import type { ModelVersions } from './compare-normalized.ts'
import { deadLetterHeaders } from './dead-letter-filter.ts'
import { decimalUnits, decodeRow, type NumberType, numberOf, type RowTypes, valueAt } from './row-types.ts'

const tooLarge = 'VGM_ROW_TOO_LARGE'
/** Of a batch around one row, and of the lengths and times of the row. */
const frameBytes = 256
/** Stamp, and what a number gives way to: a double, a mode, the branch of a union. */
const [stampBytes, modeValueBytes] = [5, 14]

/** More than the batch of a row has once it is normalized, uncompressed. */
function mostBytes({ key, value, headers }: StockRow, columns: number): number {
  let bytes = frameBytes + (key?.length ?? 0) + (value?.length ?? 0) + stampBytes + columns * modeValueBytes
  for (const [name, held] of Object.entries(headers ?? {}))
    for (const one of [held].flat()) bytes += 2 * frameBytes + Buffer.byteLength(name) + Buffer.byteLength(one ?? '')
  return bytes
}

/** Integers from here on could not be restored exactly. */
const exactLimit = 2 ** 49
/** Nor could decimals from so many units of their last digit on, or around modes that are as far out. */
const exactUnits = 2n ** 48n

/**
 * Whether a row could have been normalized although it is a dead letter: else a stage that throws everything away would
 * pass.
 *
 * Says so only if there is no doubt: the value decodes to its last byte, and every column of the model that the dead
 * letter names is there with a fitting type and is null or a finite number with a finite result, and no name is in the
 * way. A row that was too large must surely fit.
 *
 * @param largestBytes that a message of the normalized topic may have; undefined if that is not known
 */
export function isNeedlessDeadLetter(
  row: StockRow,
  letter: StockRow,
  types: RowTypes,
  models: ModelVersions,
  largestBytes: number | undefined,
): boolean {
  const model = models(Number(headerText(letter, deadLetterHeaders.modelVersion)))
  const id = row.value === null ? undefined : schemaIdOf(row.value)
  const type = id === undefined ? undefined : types.get(id)
  if (model === undefined || type === undefined || type.takesOurNames) return false
  const fields = isWholeValue(type.type, row.value!, headerBytes) ? decodeRow(type, row.value!) : undefined
  if (fields === undefined) return false
  if (headerText(letter, deadLetterHeaders.code) === tooLarge) {
    const fits = mostBytes(row.written ?? row, model.columns.length) <= (largestBytes ?? 0)
    if (!fits) return false
  }
  return model.columns.every((column) => {
    const numberType = type.number(column.name)
    if (numberType === undefined) return false
    const field = valueAt(fields, column.name)
    if (field === null) return column.nullable
    const x = Number(numberOf(field, numberType) ?? Number.NaN)
    if (!Number.isFinite(x)) return false
    const mode = expectedMode(column, x)
    const restored = restoredNumber(column, mode, expectedValue(column, mode, x, undefined))
    return isExact(field, x, numberType, column.mean) && Number.isFinite(restored)
  })
}

/** Whether a number can be restored exactly, or need not. */
function isExact(field: unknown, x: number, { type, scale }: NumberType, means: readonly number[]): boolean {
  if (type === 'float' || type === 'double') return true
  if (type !== 'decimal') return Math.abs(x) < exactLimit
  const units = decimalUnits(field) ?? exactUnits
  const farthest = Math.max(...means.map(Math.abs)) * 10 ** scale
  return units < exactUnits && units > -exactUnits && farthest < Number(exactUnits)
}
