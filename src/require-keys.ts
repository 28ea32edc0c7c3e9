import { UsageError } from './errors.ts'

/**
 * Refuses an argument of a library's function that lacks what the function reads: JavaScript would name one property, or
 * compute with undefined.
 *
 * @param caller the function's name
 * @param what   the argument, as 'its argument'
 * @param source what gives such a value, as 'the result of groupLag'
 * @throws UsageError
 */
export function requireKeys(
  caller: string,
  what: string,
  value: unknown,
  keys: readonly string[],
  source: string,
): void {
  const given = `${caller}: ${what}`
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${given} is ${kindOf(value)}`, `Give ${source}`)
  const missing = keys.filter((key) => (value as Readonly<Record<string, unknown>>)[key] === undefined)
  if (missing.length > 0) throw new UsageError(`${given} has no ${missing.join(', ')}`, `Give ${source}`)
}

/** The same for each item of an array. @throws UsageError */
export function requireItems(caller: string, items: unknown, keys: readonly string[], source: string): void {
  if (!Array.isArray(items)) throw new UsageError(`${caller}: its argument is ${kindOf(items)}`, `Give ${source}`)
  for (const [i, item] of items.entries()) requireKeys(caller, `item ${i}`, item, keys, source)
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return kinds[typeof value] ?? String(value)
}

const kinds: Readonly<Record<string, string>> = { string: 'a text', function: 'a function', object: 'an object' }
