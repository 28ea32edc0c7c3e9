import anyAscii from 'any-ascii'

/**
 * A column's name as an Avro name, `[A-Za-z_][A-Za-z0-9_]*`: accents are dropped, other scripts are written in Latin
 * letters, every other run of characters that Avro does not know becomes one underscore, a leading digit gets one in
 * front; `__proto__` loses one at each end.
 * https://avro.apache.org/docs/1.11.1/specification/#names
 *
 * @example
 * fieldName('Prix (€)') // 'Prix_'
 * fieldName('2nd class') // '_2nd_class'
 * fieldName('цена') // 'tsena'
 */
export function fieldName(column: string): string {
  const plain = column
    .normalize('NFD')
    .replace(/\p{M}+/gu, '')
    // Letters and digits only: a sign such as the euro's would become a word.
    .replace(/[^\p{ASCII}]+/gu, (text) => text.replace(/[\p{L}\p{N}]+/gu, anyAscii))
    .replace(/[^A-Za-z0-9_]+/g, '_')
  if (plain === '') return '_'
  // An Avro name, but no JavaScript decoder can give a row a field that is called so.
  if (plain === '__proto__') return '_proto_'
  return /^[0-9]/.test(plain) ? `_${plain}` : plain
}

/**
 * The Avro names of a file's columns, in their order. Of columns that would share a name the one that is called so
 * keeps it, else the first one; the others get a number behind. A column that has a field already keeps it, wherever it
 * stands in the file, and no other column gets that field.
 *
 * @param columns names, each once
 * @param known   what the columns of earlier files were called, by field: of fields that are called otherwise
 * @example fieldNames(['a b', 'a_b', 'a-b']) // ['a_b_2', 'a_b', 'a_b_3']
 */
export function fieldNames(columns: readonly string[], known: ReadonlyMap<string, string> = new Map()): string[] {
  const fieldOf = new Map([...known].reverse().map(([field, column]) => [column, field]))
  const settled = new Map<string, string>()
  const taken = new Set<string>()
  const settle = (column: string, field: string | undefined) => {
    if (field === undefined || settled.has(column) || taken.has(field)) return
    settled.set(column, field)
    taken.add(field)
  }
  for (const column of columns) settle(column, fieldOf.get(column))
  for (const column of columns) settle(column, column === fieldName(column) ? column : undefined)
  for (const field of known.keys()) taken.add(field)
  for (const column of columns) {
    const plain = fieldName(column)
    let name = plain
    for (let n = 2; !settled.has(column) && taken.has(name); n++) name = `${plain}_${n}`
    settle(column, name)
  }
  return columns.map((column) => settled.get(column)!)
}
