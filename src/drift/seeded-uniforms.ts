import { randomNumbers } from '../mixture/random-numbers.ts'

/** Uniform numbers in [0, 1) that belong to a window of a column: whoever looks at it draws the same. */
export function seededUniforms(...names: readonly (string | number)[]): () => number {
  // FNV-1a, and the generator's own mixing.
  let hash = 0x811c9dc5
  for (const char of names.join('\0')) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return randomNumbers(hash)
}
