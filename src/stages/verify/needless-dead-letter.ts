import { isWholeValue } from '../../avro/whole-value.ts'
import type { NumericType } from '../../mixture/column-model.ts'
import { headerText, type StockRow } from '../../ports/stock-log.ts'
import { expectedMode, expectedValue, restoredNumber } from './column-terms.ts'
import type { ModelVersions } from './compare-normalized.ts'
import { deadLetterHeaders } from './dead-letter-filter.ts'
import { headerBytes, schemaIdOf } from './framing.ts'
import { decodeRow, type RowTypes } from './row-types.ts'

/** A column may change among all of them: a model is about numbers. */
const numericTypes: readonly string[] = ['int', 'long', 'float', 'double'] satisfies NumericType[]

/** Integers from here on could not be restored exactly. */
const exactLimit = 2 ** 49

/**
 * Whether a row could have been normalized although it is a dead letter: else a stage that throws everything away would pass.
 *
 * Says so only if there is no doubt: the value decodes to its last byte, and every column of the model that the dead letter names
 * is there with a fitting type and is null or a finite number with a finite result, and no name is in the way.
 */
export function isNeedlessDeadLetter(row: StockRow, letter: StockRow, types: RowTypes, models: ModelVersions): boolean {
  const model = models(Number(headerText(letter, deadLetterHeaders.modelVersion)))
  const id = row.value === null ? undefined : schemaIdOf(row.value)
  const type = id === undefined ? undefined : types.get(id)
  if (model === undefined || type === undefined || type.takesOurNames) return false
  const fields = isWholeValue(type.type, row.value!, headerBytes) ? decodeRow(type, row.value!) : undefined
  if (fields === undefined) return false
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
