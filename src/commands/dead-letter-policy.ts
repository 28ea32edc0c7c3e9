import { Option } from 'commander'
import { commonOption } from '../config/setting.ts'
import { parseShare } from '../config/value-parsers.ts'
import { type DeadLetterPolicy, deadLetterDefaults } from '../stages/dead-letter-policy.ts'

export function maxDeadLettersOption(): Option {
  return commonOption(
    new Option('--max-dead-letters <share>', 'stop when more of the last 100,000 rows cannot be processed; 1: never')
      .argParser(parseShare)
      .default(deadLetterDefaults.maxShare),
  )
}

export function onInvalidOption(): Option {
  return commonOption(
    new Option('--on-invalid <what>', 'send rows that cannot be processed to the dead letters, or stop at the first')
      .choices(['dead-letter', 'stop'])
      .default(deadLetterDefaults.onInvalid),
  )
}

export function deadLetterPolicy(flags: {
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
}): DeadLetterPolicy {
  return { maxShare: flags.maxDeadLetters, onInvalid: flags.onInvalid }
}
