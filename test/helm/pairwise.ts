/** Features of the chart: what each may be. */
export type Features = Readonly<Record<string, readonly unknown[]>>
export type Combination = Readonly<Record<string, unknown>>

/**
 * Combinations in which every value of a feature meets every value of each other one: most faults of templates need two
 * features to show. Greedy, and the same each time.
 */
export function pairwise(features: Features): Combination[] {
  const names = Object.keys(features)
  const open = new Set<string>()
  const pair = (a: string, i: number, b: string, j: number) => (a < b ? `${a}:${i},${b}:${j}` : `${b}:${j},${a}:${i}`)
  for (const [at, a] of names.entries())
    for (const b of names.slice(at + 1))
      for (const i of features[a].keys()) for (const j of features[b].keys()) open.add(pair(a, i, b, j))
  const combinations: Combination[] = []
  while (open.size > 0) {
    // Begins with a pair that is open, and gives each other feature the value that meets most that has not been met.
    const [first] = open
    const chosen = new Map(first.split(',').map((each) => [each.split(':')[0], Number(each.split(':')[1])]))
    for (const name of names) {
      if (chosen.has(name)) continue
      const gain = (value: number) => [...chosen].filter(([other, at]) => open.has(pair(name, value, other, at))).length
      chosen.set(
        name,
        [...features[name].keys()].reduce((best, value) => (gain(value) > gain(best) ? value : best)),
      )
    }
    for (const [a, i] of chosen) for (const [b, j] of chosen) if (a !== b) open.delete(pair(a, i, b, j))
    combinations.push(Object.fromEntries(names.map((name) => [name, features[name][chosen.get(name)!]])))
  }
  return combinations
}
