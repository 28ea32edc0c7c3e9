import { InvalidArgumentError, Option } from 'commander'
import { type DeadLetterPolicy, deadLetterDefaults } from '../stages/dead-letter-policy.ts'

export function maxDeadLettersOption(): Option {
  return new Option('--max-dead-letters <share>', 'stop when more of the last 100,000 rows cannot be processed')
    .argParser(parseShare)
    .default(deadLetterDefaults.maxShare)
}

export function onInvalidOption(): Option {
  return new Option(
    '--on-invalid <what>',
    'send rows that cannot be processed to the dead letters, or stop at the first',
  )
    .choices(['dead-letter', 'stop'])
    .default(deadLetterDefaults.onInvalid)
}

export function deadLetterPolicy(flags: {
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
}): DeadLetterPolicy {
  return { maxShare: flags.maxDeadLetters, onInvalid: flags.onInvalid }
}

function parseShare(text: string): number {
  const share = Number(text)
  if (text.trim() !== '' && share > 0 && share <= 1) return share
  throw new InvalidArgumentError('Write a share above 0 and up to 1, as 0.05; 1 sets no limit.')
}
