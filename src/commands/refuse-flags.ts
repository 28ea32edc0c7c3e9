import type { Command } from 'commander'
import { UsageError } from '../errors.ts'

/**
 * Refuses flags that mean nothing beside others. One that a variable or a file has is passed over: these are for
 * several commands at once.
 *
 * @param why stands behind the flag
 */
export function refuseFlags(command: Command, names: readonly string[], why: string): void {
  const given = command.options.find(
    (option) => names.includes(option.name()) && command.getOptionValueSource(option.attributeName()) === 'cli',
  )
  if (given !== undefined) throw new UsageError(`${given.long} ${why}`, `Remove ${given.long}`)
}
