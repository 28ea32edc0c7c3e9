/**
 * The known name that is written most like `name`; undefined if none is like it.
 *
 * @example nearestName('datset', ['dataset', 'debug']) // 'dataset'
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined
  // Beyond two letters of five it is another word.
  let least = Math.max(1, Math.floor(name.length * 0.4))
  for (const candidate of known) {
    const edits = editsBetween(name.toLowerCase(), candidate.toLowerCase())
    if (edits > least || (edits === least && nearest !== undefined)) continue
    nearest = candidate
    least = edits
  }
  return nearest
}

/**
 * What begins the fix of an unknown name; empty if no known name is like it.
 *
 * @example suggestion('datset', ['dataset', 'debug']) // 'Did you mean dataset? '
 */
export function suggestion(name: string, known: Iterable<string>, quote: '' | '"' = ''): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? '' : `Did you mean ${quote}${nearest}${quote}? `
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment distance). */
function editsBetween(a: string, b: string): number {
  let [beforeLast, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, replaced)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]
}

/**
 * The same for topics: of a data set that is written much like it, the topic of the same stage.
 *
 * @example nearestTopic('tripz.raw', ['few.raw', 'trips.raw', 'trips.sample']) // 'trips.raw'
 */
export function nearestTopic(topic: string, known: Iterable<string>): string | undefined {
  const suffix = /\.[^.]*$/.exec(topic)?.[0] ?? ''
  const alike = [...known]
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, name.length - suffix.length))
  const nearest = nearestName(topic.slice(0, topic.length - suffix.length), alike)
  return nearest === undefined ? undefined : nearest + suffix
}
