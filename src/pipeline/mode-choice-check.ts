import { oneOf, seed } from '../config/value-rules.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { fields, kinds } from './check-options.ts'

type Kind<K extends ModeChoice['kind']> = Extract<ModeChoice, { readonly kind: K }>

export const modeChoiceKind = oneOf<ModeChoice['kind']>(['likely', 'sample'])

/** How the mode of a value is chosen, as a program says it. */
export const modeChoiceCheck = kinds<ModeChoice>(({ kind }) =>
  kind === 'sample'
    ? fields<Kind<'sample'>>({ kind: oneOf(['sample']), seed }, {})
    : fields<Kind<'likely'>>({ kind: { allows: (given) => given === 'likely', may: modeChoiceKind.may } }, {}),
)
