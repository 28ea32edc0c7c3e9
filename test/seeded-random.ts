/** Numbers in [0, 1) from a seed. Mulberry32, Tommy Ettinger, public domain. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Draws from a seed; kinds of values that a test needs are added by what extends it. */
export class SeededDraw {
  /** uniform in [0, 1) */
  readonly unit: () => number

  constructor(seed: number) {
    this.unit = randomFrom(seed)
  }

  /** A whole number from 0 to n - 1. */
  below(n: number): number {
    return Math.floor(this.unit() * n)
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]
  }
}
