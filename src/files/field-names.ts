import { FileColumnError } from './file-errors.ts'

/**
 * A column's name as an Avro name, `[A-Za-z_][A-Za-z0-9_]*`: accents are dropped, every other run of characters that
 * Avro does not know becomes one underscore, a leading digit gets one in front; `__proto__` loses one at each end.
 * https://avro.apache.org/docs/1.11.1/specification/#names
 *
 * @example
 * fieldName('Prix (€)') // 'Prix_'
 * fieldName('2nd class') // '_2nd_class'
 */
export function fieldName(column: string): string {
  const plain = column
    .normalize('NFD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^A-Za-z0-9_]+/g, '_')
  if (plain === '') return '_'
  // An Avro name, but no JavaScript decoder can give a row a field that is called so.
  if (plain === '__proto__') return '_proto_'
  return /^[0-9]/.test(plain) ? `_${plain}` : plain
}

/**
 * The Avro names of a file's columns, in their order.
 *
 * @throws FileColumnError when two columns get the same one
 */
export function fieldNames(file: string, columns: readonly string[]): string[] {
  const owner = new Map<string, string>()
  return columns.map((column) => {
    const name = fieldName(column)
    const other = owner.get(name)
    if (other !== undefined) {
      throw new FileColumnError(
        file,
        column,
        `its Avro name "${name}" is that of column "${other}" too`,
        'Rename one of them in the file, or leave one out with --columns',
      )
    }
    owner.set(name, column)
    return name
  })
}
