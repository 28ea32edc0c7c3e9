const longest = 249

/** What is wrong with a topic's name, as Kafka words it; undefined for nothing. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'Topic name is invalid: the empty string is not allowed'
  if (name === '.' || name === '..') return "Topic name is invalid: '.' or '..' is not allowed"
  if (name.length > longest)
    return `Topic name is invalid: the length of '${name}' is longer than the max allowed length ${longest}`
  if (!/^[a-zA-Z0-9._-]+$/.test(name))
    return (
      `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, ` +
      "'.', '_' and '-'"
    )
  return undefined
}

/** Metrics of topics whose names differ in '.' and '_' alone would be the same: Kafka refuses the second one. */
export function collides(name: string, other: string): boolean {
  return name !== other && name.replaceAll('.', '_') === other.replaceAll('.', '_')
}
