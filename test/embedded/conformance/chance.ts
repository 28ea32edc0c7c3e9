import { type ApiName, apis } from '../../../src/embedded/protocol/apis.ts'
import { randomFrom } from '../../seeded-random.ts'

/** Versions of each API that both brokers offer and our declarations know. */
export type SharedVersions = Readonly<Record<ApiName, readonly [oldest: number, newest: number]>>

/** What a generator draws from: the same seed gives the same sequence. */
export class Chance {
  readonly #random: () => number
  readonly #versions: SharedVersions

  constructor(seed: number, versions: SharedVersions) {
    this.#random = randomFrom(seed)
    this.#versions = versions
  }

  /** A whole number from `low` to `high`. */
  int(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1))
  }

  /** True in one of `n` draws. */
  oneIn(n: number): boolean {
    return this.#random() * n < 1
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)]
  }

  /** One of the items, each as often as its weight says. */
  weighted<T>(items: readonly (readonly [weight: number, item: T])[]): T {
    let left = this.#random() * items.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, item] of items) {
      left -= weight
      if (left < 0) return item
    }
    return items[items.length - 1][1]
  }

  /** In another order. */
  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => [this.#random(), item] as const)
      .sort(([a], [b]) => a - b)
      .map(([, item]) => item)
  }

  /** A version of an API, of those from `atLeast` to `atMost` if there are any. */
  version(api: ApiName, atLeast = 0, atMost = Infinity): number {
    const [oldest, newest] = this.#versions[api] ?? apis[api].versions
    const low = Math.min(Math.max(oldest, atLeast), newest)
    return this.int(low, Math.max(low, Math.min(newest, atMost)))
  }

  versionsOf(api: ApiName): readonly [oldest: number, newest: number] {
    return this.#versions[api]
  }
}
