import { FitOptionError } from './errors.ts'

/**
 * Refuses options that nobody knows: one that is misspelt would be passed over.
 *
 * @throws FitOptionError
 */
export function checkOptionNames(options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) throw new FitOptionError(`There is no option ${unknown}`, `Choose of ${known.join(', ')}`)
}
