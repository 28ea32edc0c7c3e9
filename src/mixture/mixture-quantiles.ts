import type { ColumnModel } from './column-model.ts'
import { normalTail, normalTailInverse } from './normal-distribution.ts'

/** Halving a range of doubles takes fewer, and Newton's method a handful. */
const mostSteps = 2_200
/** Of shares whose logarithms differ by less, no double of a score says more. */
const leastStep = 2 ** -40
/** Quantiles that are known in between others: so many a unit of the score, and up to that score. */
const knotsPerUnit = 10
const farthestKnot = 6

/** Beyond so many standard deviations a tail is 1e-19 of its mode: nothing beside so much of a nearer one. */
const nearModes = 9
const leastOfNear = 1e-10

/** Beyond it, a tail is below the smallest normal double. */
const farthestScore = 37

const rootTau = Math.sqrt(2 * Math.PI)

/**
 * The distribution function of a column's mixture, as normal scores, and its inverse. A score is the z below which the
 * standard normal distribution has the share of rows that the mixture has below x: it has digits in both tails.
 */
export class MixtureQuantiles {
  /** shape (modes), of the weight of all of them */
  readonly #shares: Float64Array
  readonly #mean: Float64Array
  readonly #std: Float64Array
  /** what the mixture has below and above the x that was looked at last */
  #below = 0
  #above = 0
  /** quantiles of ascending scores, from -farthestKnot on */
  #knots: Float64Array | undefined

  constructor({ weight, mean, std }: Pick<ColumnModel, 'weight' | 'mean' | 'std'>) {
    const total = weight.reduce((sum, share) => sum + share, 0)
    this.#shares = Float64Array.from(weight, (share) => share / total)
    this.#mean = Float64Array.from(mean)
    this.#std = Float64Array.from(std)
  }

  /** The share of rows below x. */
  share(x: number): number {
    this.#lookAt(x)
    return this.#below < this.#above ? this.#below : 1 - this.#above
  }

  /** The score of x; never infinite. */
  score(x: number): number {
    this.#lookAt(x)
    return this.#below < this.#above ? -normalTailInverse(this.#below) : normalTailInverse(this.#above)
  }

  /** The x of a score: where a gap between modes has many, any of them. */
  quantile(score: number): number {
    if (!(Math.abs(score) < farthestKnot)) return this.#widely(score)
    if (this.#knots === undefined) {
      const count = 2 * farthestKnot * knotsPerUnit + 1
      this.#knots = Float64Array.from({ length: count }, (_, i) => this.#widely(i / knotsPerUnit - farthestKnot))
    }
    const place = (score + farthestKnot) * knotsPerUnit
    const knot = Math.floor(place)
    const [low, high] = [this.#knots[knot], this.#knots[knot + 1]]
    return this.#between(score, low, high, low + (place - knot) * (high - low))
  }

  /** The mixture has its own share somewhere among the places where its modes have it. */
  #widely(score: number): number {
    const z = Math.max(-farthestScore, Math.min(farthestScore, score))
    let low = Infinity
    let high = -Infinity
    for (let k = 0; k < this.#mean.length; k++) {
      const own = this.#mean[k] + z * this.#std[k]
      low = Math.min(low, own)
      high = Math.max(high, own)
    }
    return this.#between(z, low, high, low / 2 + high / 2)
  }

  /** Newton's method between two places, from a third one on. */
  #between(z: number, from: number, to: number, start: number): number {
    const tail = normalTail(Math.abs(z))
    let [low, high, x] = [from, to, start]
    for (let step = 0; step < mostSteps && low < high; step++) {
      this.#lookAt(x)
      const mass = z < 0 ? this.#below : this.#above
      // In logarithms a tail is nearly straight.
      const distance = z < 0 ? Math.log(mass / tail) : Math.log(tail / mass)
      if (Math.abs(distance) < leastStep) return x
      if (distance > 0) high = x
      else low = x
      const newton = x - distance * (mass / this.#density(x))
      const next = newton > low && newton < high ? newton : low / 2 + high / 2
      if (next === x) return x
      x = next
    }
    return x
  }

  /** On the side of a mode's lesser tail: differences of shares near 1 have no digits left. */
  #lookAt(x: number): void {
    this.#addUp(x, nearModes)
    // Far from all modes their tails are all that there is.
    if (Math.min(this.#below, this.#above) < leastOfNear) this.#addUp(x, Infinity)
  }

  /** @param farthest beyond so many standard deviations a mode is on one side as a whole */
  #addUp(x: number, farthest: number): void {
    let below = 0
    let above = 0
    for (let k = 0; k < this.#mean.length; k++) {
      const z = (x - this.#mean[k]) / this.#std[k]
      const share = this.#shares[k]
      const distance = Math.abs(z)
      const tail = distance < farthest ? share * normalTail(distance) : 0
      below += z < 0 ? tail : share - tail
      above += z < 0 ? share - tail : tail
    }
    this.#below = below
    this.#above = above
  }

  #density(x: number): number {
    let density = 0
    for (let k = 0; k < this.#mean.length; k++) {
      const z = (x - this.#mean[k]) / this.#std[k]
      density += (this.#shares[k] / this.#std[k] / rootTau) * Math.exp((-z * z) / 2)
    }
    return density
  }
}
