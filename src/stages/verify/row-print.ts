import type { Fields, RowType } from './row-types.ts'

/** Steps between the largest size of a column and 0: rounding errors rarely cross one. */
const stepsLog2 = 40

/**
 * A number as text that is nearly always equal for numbers within rounding of each other.
 *
 * @param scale what the rounding errors are relative to, at least |x|
 */
export function roundedText(x: number, scale: number): string {
  const step = 2 ** (Math.ceil(Math.log2(Math.max(scale, Number.MIN_VALUE))) - stepsLog2)
  return step > 0 ? String(Math.round(x / step)) : String(x)
}

/** Text of the fields of a row; `text` decides for each path, undefined for what is passed through. */
export function fieldsPrint(
  { fields }: Pick<RowType, 'fields'>,
  row: Fields,
  text: (path: string, value: unknown) => string | undefined,
): string {
  const print = (path: string, value: unknown): string =>
    text(path, value) ??
    (isFields(value) ? fieldsText(value, (name) => print(`${path}.${name}`, value[name])) : valueText(value))
  return fields.map(({ name }) => print(name, row[name])).join('|')
}

/** Whether a decoded value is a record, or a map. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)
}

function fieldsText(fields: Fields, text: (name: string) => string): string {
  const names = Object.keys(fields).sort()
  return `{${names.map((name) => `${name}:${text(name)}`).join()}}`
}

/** Text of a field that is passed through: equal for equal values, however they are encoded. */
export function valueText(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? `"${value}"` : String(value)
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (Array.isArray(value)) return `[${value.map(valueText).join()}]`
  const fields = value as Fields
  return fieldsText(fields, (name) => valueText(fields[name]))
}
