import { isWholeValue } from '../../avro/whole-value.ts'
import type { NumericType } from '../../mixture/column-model.ts'
import { headerText, type StockRow } from '../../ports/stock-log.ts'
import { headerBytes, schemaIdOf } from './audited-framing.ts'
import { expectedMode, expectedValue, restoredNumber } from './column-terms.ts'
import type { ModelVersions } from './compare-normalized.ts'
import { deadLetterHeaders } from './dead-letter-filter.ts'
import { decodeRow, type RowTypes } from './row-types.ts'

/** A column may change among all of them: a model is about numbers. */
const numericTypes: readonly string[] = ['int', 'long', 'float', 'double'] satisfies NumericType[]

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
    const numericType = type.fields.find(({ name }) => name === column.name)?.numericType
    if (numericType === undefined || !numericTypes.includes(numericType)) return false
    const field = fields[column.name]
    if (field === null) return column.nullable
    const x = typeof field === 'bigint' ? Number(field) : field
    if (typeof x !== 'number' || !Number.isFinite(x)) return false
    const isExact = numericType === 'float' || numericType === 'double' || Math.abs(x) < exactLimit
    const mode = expectedMode(column, x)
    return isExact && Number.isFinite(restoredNumber(column, mode, expectedValue(column, mode, x, undefined)))
  })
}
