import type { Plain } from './canonical-answer.ts'

/** A value that two answers do not share. */
export interface Difference {
  /** of the request in its sequence */
  readonly step: number
  readonly api: string
  readonly version: number
  /** names of the fields and items on the way to the value */
  readonly path: readonly string[]
  /** undefined: not there */
  readonly left: Plain | undefined
  readonly right: Plain | undefined
  /** the whole answers */
  readonly answers: readonly [left: Plain, right: Plain]
}

/** Where two values differ, as deep as both are lists or structures. */
export function differencesOf(
  left: Plain | undefined,
  right: Plain | undefined,
  path: readonly string[] = [],
): Pick<Difference, 'path' | 'left' | 'right'>[] {
  if (left === right) return []
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object')
    return [{ path, left, right }]
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...names].flatMap((name) => differencesOf(left[name], right[name], [...path, name]))
}

/** Without the names of items: what differences of one kind share. */
export function kindOf({ api, path, left, right }: Difference): string {
  const fields = path.filter((name) => /^[a-z][A-Za-z]*$/.test(name))
  return `${api} ${fields.join('.')}: ${shown(left)} / ${shown(right)}`
}

export function shown(value: Plain | undefined, most = 100): string {
  if (value === undefined) return 'absent'
  const text = JSON.stringify(value)
  return text.length > most ? `${text.slice(0, most)}...` : text
}
