import type * as errors from './errors.ts'

type CodeOf<Class> = Class extends abstract new (...args: never[]) => { readonly code: infer Code } ? Code : never
/** Leaves out the code of any error, which a class has that passes on those of others. */
type Named<Code> = string extends Code ? never : `VGM_${string}` extends Code ? never : Code

/** The codes of the errors that the functions of the library throw. */
export type ErrorCode = { [Name in keyof typeof errors]: Named<CodeOf<(typeof errors)[Name]>> }[keyof typeof errors]
