/**
 * The grid of a column summary: signed logarithmic bins around the centre, 1,024 to an octave, so 0.05 to 0.1 % wide.
 *
 * A bin's key is the top of the distance's bits, as a double has them: sign (1), exponent (11), first mantissa bits
 * (10). No logarithm is taken, and two machines cannot differ. The next 11 mantissa bits are the place inside the bin,
 * in steps of 1/2048 of its width: whole numbers, whose sums are exact, and therefore the same in whatever order rows
 * and partitions are added.
 */
export const binsPerOctave = 1024
export const stepsPerBin = 2048
/** Sign and exponent: an octave's number is key >>> 10. */
export const octaves = 4096

/** Ends of a bin as distances from the centre; 0 <= near < far. */
export interface BinEnds {
  readonly sign: 1 | -1
  readonly near: number
  readonly far: number
}

const distance = new Float64Array(1)
const words = new Uint32Array(distance.buffer)
/** Which of a double's two 32-bit words holds sign and exponent, on this machine. */
export const highWord = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0

function distanceOf(magnitudeKey: number): number {
  words[1 - highWord] = 0
  words[highWord] = magnitudeKey << 10
  return Math.min(distance[0], Number.MAX_VALUE)
}

export function binEnds(key: number): BinEnds {
  const magnitude = key & 0x1fffff
  return { sign: key === magnitude ? 1 : -1, near: distanceOf(magnitude), far: distanceOf(magnitude + 1) }
}

/** Sorts as the bins lie on the line, which keys do not: a larger key below zero lies further left. */
export const binOrder = (key: number): number => ((key & 0x200000) === 0 ? key : -1 - (key & 0x1fffff))

/** The key at a place of that order. */
export const binAt = (order: number): number => (order < 0 ? 0x200000 | (-1 - order) : order)
