import { Option } from 'commander'
import { commonOption } from '../config/setting.ts'
import type { ModeChoice } from '../stages/normalize.ts'

export function modeChoiceOption(): Option {
  return commonOption(
    new Option('--mode-choice <how>', 'the likeliest mode, or one drawn from the posterior')
      .choices(['likely', 'sample'])
      .default('likely'),
  )
}

/** What the flags `--mode-choice` and `--seed` mean. */
export function modeChoice({ modeChoice: kind, seed }: { modeChoice: ModeChoice['kind']; seed: number }): ModeChoice {
  return kind === 'likely' ? { kind } : { kind, seed }
}
