import { shown } from './check-options.ts'

/** Why something is no list of finite numbers, as a clause; undefined if it is one. */
export function listProblem(name: string, list: unknown): string | undefined {
  if (!Array.isArray(list)) return `it has no list ${name}`
  const other = list.findIndex((value) => !Number.isFinite(value))
  return other < 0 ? undefined : `${name}[${other}] is ${told(list[other])}`
}

/** Equal neighbours are no fault. */
export function isAscending(list: readonly number[]): boolean {
  return list.every((value, i) => i === 0 || value >= list[i - 1])
}

export function told(value: unknown): string {
  return value === undefined ? 'missing' : shown(value)
}
