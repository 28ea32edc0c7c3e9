/** erfc within 1.2e-7 relative; Press et al., Numerical Recipes, 2nd ed., 6.2 (erfcc). */
function erfc(x: number): number {
  const z = Math.abs(x)
  const t = 1 / (1 + 0.5 * z)
  const low = -1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))
  const series = 1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * low))))
  const tail = t * Math.exp(-z * z - 1.26551223 + t * series)
  return x >= 0 ? tail : 2 - tail
}

/** What a standard normal distribution holds below z. */
export const cumulative = (z: number) => 0.5 * erfc(-z / Math.SQRT2)

/** Of a narrower interval, in standard deviations, the density and its curvature tell the mass within 1e-5. */
const narrow = 0.1

const logRoot = 0.5 * Math.log(2 * Math.PI)

/**
 * ln of what a standard normal distribution holds between z - width/2 and z + width/2, divided by the width; its
 * density if the width is 0.
 */
export function logMeanDensity(z: number, width: number): number {
  if (width < narrow) return -0.5 * z * z - logRoot + ((z * z - 1) * width * width) / 24
  const far = Math.abs(z)
  const mass = cumulative(width / 2 - far) - cumulative(-far - width / 2)
  if (mass > 0) return Math.log(mass / width)
  const near = Math.max(0, far - width / 2)
  return -0.5 * near * near - logRoot
}
