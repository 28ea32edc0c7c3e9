import type { FitOptions } from '../../src/stages/fit.ts'

/** A fit of every numeric column of all rows, for tests to add what they read; warnings go into `warnings`. */
export function plainFit(warnings: string[]): Omit<FitOptions, 'reader' | 'registry' | 'ranges'> {
  return {
    dataset: 'd',
    columns: undefined,
    recipe: 'scaled',
    mixture: {},
    minWeight: 0.005,
    seed: 0,
    sampledFrom: undefined,
    softwareVersion: 'test',
    signal: new AbortController().signal,
    onWarning: (message) => warnings.push(message),
    onProgress: () => undefined,
  }
}
