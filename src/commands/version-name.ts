import { InvalidArgumentError } from 'commander'
import { valueParser } from '../config/value-parsers.ts'
import { aliasName } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'

/** A version of a model by its number, or by a name that it has now. */
export type VersionName = number | 'current' | `@${string}`

export function parseVersionName(text: string): VersionName {
  if (text === 'current' || aliasName.allows(text)) return text as VersionName
  const version = Number(text)
  if (Number.isSafeInteger(version) && version > 0) return version
  throw new UsageError(`"${text}" is not a version`, 'Write an integer of at least 1, "current", or a name as @stable')
}

/** The same for a flag. */
export const parseVersionNameFlag = valueParser(
  { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'string' }] },
  (text) => {
    try {
      return parseVersionName(text)
    } catch (error) {
      throw error instanceof UsageError ? new InvalidArgumentError(`${error.fix}.`) : error
    }
  },
)
