/*
 * The standard normal distribution, for what float32 is to hold: `normal-mass.ts` is faster, and right to seven digits.
 */

/** Beyond it, the mass is below the smallest double. */
const farthest = 38.5

/** Beyond it a continued fraction is nearer. */
const farZ = 10 / Math.SQRT2

/**
 * What the standard normal distribution holds above z >= 0: its lesser part, so that no digit is lost in a tail.
 * The relative error is below 3e-9, and below 1e-13 up to z = 3.
 *
 * J. F. Hart et al., Computer Approximations, 1968, no. 5666, as G. West has it (Wilmott, May 2005).
 */
export function normalTail(z: number): number {
  if (z > farthest) return 0
  const exponential = Math.exp((-z * z) / 2)
  if (z >= farZ)
    return exponential / (z + 1 / (z + 2 / (z + 3 / (z + 4 / (z + 5 / (z + 6 / (z + 7 / (z + 8 / z)))))))) / rootTau
  let above = 0.0352624965998911 * z + 0.700383064443688
  above = above * z + 6.37396220353165
  above = above * z + 33.912866078383
  above = above * z + 112.079291497871
  above = above * z + 221.213596169931
  above = above * z + 220.206867912376
  let below = 0.0883883476483184 * z + 1.75566716318264
  below = below * z + 16.064177579207
  below = below * z + 86.7807322029461
  below = below * z + 296.564248779674
  below = below * z + 637.333633378831
  below = below * z + 793.826512519948
  below = below * z + 440.413735824752
  return (exponential * above) / below
}

/** What the standard normal distribution holds below z. */
export const normalBelow = (z: number): number => (z < 0 ? normalTail(-z) : 1 - normalTail(z))

const rootTau = Math.sqrt(2 * Math.PI)

function evaluate(coefficients: readonly number[], x: number): number {
  let sum = 0
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + coefficients[i]
  return sum
}

const central = {
  above: [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
    33430.57558358813, 2509.0809287301227,
  ],
  below: [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852546,
  ],
}
const near = {
  above: [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  below: [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
}
const far = {
  above: [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  below: [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5,
    1.421511758316446e-7, 2.0442631033899397e-15,
  ],
}

/**
 * The z >= 0 above which the standard normal distribution holds `tail`, which is at most 1/2: the inverse of
 * `normalTail`; never infinite. M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), PPND16.
 */
export function normalTailInverse(tail: number): number {
  const q = 0.5 - tail
  if (q <= 0.425) {
    const r = 0.180625 - q * q
    return (q * evaluate(central.above, r)) / evaluate(central.below, r)
  }
  const r = Math.sqrt(-Math.log(Math.max(tail, Number.MIN_VALUE)))
  const { above, below } = r <= 5 ? near : far
  const from = r - (r <= 5 ? 1.6 : 5)
  return evaluate(above, from) / evaluate(below, from)
}

/** The z below which the standard normal distribution holds the share p; never infinite. */
export function normalQuantile(p: number): number {
  return p < 0.5 ? -normalTailInverse(p) : normalTailInverse(1 - p)
}
