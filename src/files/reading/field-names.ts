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
 * keeps it, else the first one; the others get a number behind.
 *
 * @param columns names, each once
 * @example fieldNames(['a b', 'a_b', 'a-b']) // ['a_b_2', 'a_b', 'a_b_3']
 */
export function fieldNames(columns: readonly string[]): string[] {
  const plain = columns.map(fieldName)
  const taken = new Set(columns.filter((column, i) => column === plain[i]))
  return columns.map((column, i) => {
    let name = plain[i]
    for (let n = 2; column !== plain[i] && taken.has(name); n++) name = `${plain[i]}_${n}`
    taken.add(name)
    return name
  })
}
