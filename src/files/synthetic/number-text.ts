/*
 * Numbers as decimal text, written straight into bytes: a JavaScript string a number takes several times as long
 * (measured: 40 and 190 ns for a double). All give texts that read back as the same number.
 */

/** Bytes that no number needs more of. */
export const maxNumberBytes = 26

const zero = 48
const point = 46
const minus = 45

/** Bytes to write texts to. */
export interface TextBuffer {
  readonly bytes: Uint8Array
  /** over the same memory, same origin */
  readonly view: DataView
}

/** shape (10,000): the digits of each number of up to four, with zeros in front, as a big-endian word */
const quads = Int32Array.from({ length: 10_000 }, (_, i) =>
  [1000, 100, 10, 1].reduce((word, unit) => (word << 8) | (zero + (Math.floor(i / unit) % 10)), 0),
)

/** 10^0 to 10^22: those that doubles hold exactly */
const powers = Float64Array.from({ length: 23 }, (_, d) => Number(`1e${d}`))

/** Writes a whole number within 2^53 at `at` and returns the position after it. */
export function writeWhole(out: TextBuffer, at: number, value: number): number {
  if (value >= 0) return writeDigits(out, at, value)
  out.bytes[at] = minus
  return writeDigits(out, at + 1, -value)
}

/** Beyond so many units of the last decimal a product with 10^d may miss the number of them. */
const maxUnits = 2 ** 50

/** Writes a number that is the double next to a fraction of so many decimals, 0 to 15, with all of them: 12.50. */
export function writeFixed(out: TextBuffer, at: number, value: number, decimals: number): number {
  const power = powers[decimals]
  const magnitude = Math.abs(value)
  const units = Math.floor(magnitude * power + 0.5)
  if (!(units < maxUnits)) return writeDouble(out, at, value)
  if (value < 0) out.bytes[at++] = minus
  const whole = Math.floor(units / power)
  at = writeDigits(out, at, whole)
  if (decimals === 0) return at
  out.bytes[at++] = point
  return writePadded(out, at, units - whole * power, decimals)
}

/** Magnitudes that get along with powers that are exact; the others are rare and take the long way. */
const [smallest, largest] = [1e-6, 1e15]

const double = new Float64Array(1)
const doubleWords = new Int32Array(double.buffer)

/** shape (2048): by a double's exponent bits, the decimal exponent of the least number that has them */
const decimalExponents = Int16Array.from({ length: 2048 }, (_, bits) => Math.floor((bits - 1023) * Math.log10(2)))

/** Splits a double into halves of 26 bits whose products are exact (Veltkamp; Dekker 1971). */
const splitter = 2 ** 27 + 1

/** shape (powers): each one's upper half */
const upperHalves = powers.map((power) => power * splitter - (power * splitter - power))

/**
 * Writes the shortest text that reads back as the same double, as `String` has it.
 *
 * Three tries, with 15, 16 and 17 digits. A quotient of two numbers that doubles hold is rounded once, as a reader
 * rounds the text, so that it tells whether 15 or 16 digits will do; 17 always do, if they are the right ones: they
 * come from the exact product.
 */
export function writeDouble(out: TextBuffer, at: number, value: number): number {
  const magnitude = Math.abs(value)
  if (!(magnitude >= smallest && magnitude < largest)) return writeString(out, at, value)
  const exponent = decimalExponent(magnitude)
  const scale = 14 - exponent
  const fifteen = Math.floor(magnitude * powers[scale] + 0.5)
  if (fifteen / powers[scale] === magnitude) return writeFraction(out, at, value, exponent, fifteen, 15)
  const sixteen = nearestUnits(magnitude, scale + 1)
  if (sixteen === Infinity) return writeString(out, at, value)
  if (sixteen / powers[scale + 1] === magnitude) return writeFraction(out, at, value, exponent, sixteen, 16)
  // In two parts, for 17 digits are more than a double has; the product itself is whole, being above 2^53.
  const product = magnitude * powers[scale + 2]
  const rest = productError(magnitude, scale + 2, product)
  const upper = Math.floor(product / 1e8)
  const lower = product - upper * 1e8 + Math.floor(rest + 0.5)
  if (lower < 0 || lower >= 1e8 || rest - Math.floor(rest) === 0.5) return writeString(out, at, value)
  return writeFraction(out, at, value, exponent, upper, 9, lower)
}

/** Writes the shortest text of 6 digits or more that reads back as the same float. */
export function writeFloat(out: TextBuffer, at: number, value: number): number {
  const magnitude = Math.abs(value)
  if (!(magnitude >= smallest && magnitude < 1e9)) return writeString(out, at, value)
  const exponent = decimalExponent(magnitude)
  for (let digits = Math.max(6, exponent + 1); digits <= 9; digits++) {
    const power = powers[digits - 1 - exponent]
    const units = Math.floor(magnitude * power + 0.5)
    const text = units / power
    // The text itself is not a double: both its neighbours must lead to the float.
    const isSame = Math.fround(text * below1) === magnitude && Math.fround(text * above1) === magnitude
    if (isSame && units < powers[digits]) return writeFraction(out, at, value, exponent, units, digits)
  }
  return writeString(out, at, value)
}

const [below1, above1] = [1 - 2 ** -52, 1 + 2 ** -52]

/** The exponent e for which 10^e <= x < 10^(e + 1). */
function decimalExponent(magnitude: number): number {
  double[0] = magnitude
  const least = decimalExponents[doubleWords[1] >>> 20]
  const next = least < -1 ? 1 / powers[-1 - least] : powers[least + 1]
  return magnitude >= next ? least + 1 : least
}

/** The whole number next to x 10^scale; infinite if that is not one alone, or beyond 2^53. */
function nearestUnits(magnitude: number, scale: number): number {
  const product = magnitude * powers[scale]
  const whole = Math.floor(product)
  const rest = product - whole + productError(magnitude, scale, product)
  const units = whole + Math.floor(rest + 0.5)
  return rest === 0.5 || units >= 2 ** 53 ? Infinity : units
}

/** What x 10^scale is above `product`, its rounded value; exact. */
function productError(magnitude: number, scale: number, product: number): number {
  const upper = magnitude * splitter - (magnitude * splitter - magnitude)
  const lower = magnitude - upper
  const powerUpper = upperHalves[scale]
  const powerLower = powers[scale] - powerUpper
  return lower * powerLower - (product - upper * powerUpper - lower * powerUpper - upper * powerLower)
}

/**
 * Writes a number as its sign, the decimal point's place and its digits; zeros at the end of a fraction are left out.
 *
 * @param exponent of the first digit
 * @param digits   `count` of them
 * @param lower    eight more, if there are
 */
function writeFraction(
  out: TextBuffer,
  at: number,
  value: number,
  exponent: number,
  digits: number,
  count: number,
  lower = -1,
): number {
  if (value < 0) out.bytes[at++] = minus
  // Behind the point's place, or behind "0." and zeros.
  const start = exponent < 0 ? at + 1 - exponent : at + 1
  let end = writePadded(out, start, digits, count)
  if (lower >= 0) end = writePadded(out, end, lower, 8)
  while (out.bytes[end - 1] === zero) end--
  if (exponent < 0) {
    out.bytes.fill(zero, at, start)
    out.bytes[at + 1] = point
    return end
  }
  const wholeEnd = at + exponent + 1
  for (; at < wholeEnd; at++) out.bytes[at] = out.bytes[at + 1]
  out.bytes[wholeEnd] = point
  return end > wholeEnd + 1 ? end : wholeEnd
}

/** Writes a whole number from 0 to 2^53 without zeros in front. */
function writeDigits(out: TextBuffer, at: number, value: number): number {
  if (value >= 1e8) {
    const upper = Math.floor(value / 1e8)
    return writePadded(out, writeDigits(out, at, upper), value - upper * 1e8, 8)
  }
  if (value >= 1e4) {
    const upper = (value / 1e4) | 0
    return writePadded(out, writeDigits(out, at, upper), value - upper * 1e4, 4)
  }
  const digits = value >= 1000 ? 4 : value >= 100 ? 3 : value >= 10 ? 2 : 1
  return writePadded(out, at, value, digits)
}

/** Writes a whole number of up to `digits` digits with zeros in front. */
function writePadded(out: TextBuffer, at: number, value: number, digits: number): number {
  if (digits > 8) {
    const upper = Math.floor(value / 1e8)
    writePadded(out, at, upper, digits - 8)
    writePadded(out, at + digits - 8, value - upper * 1e8, 8)
    return at + digits
  }
  const { bytes, view } = out
  let rest = value | 0
  let left = digits
  for (; left >= 4; left -= 4) {
    const upper = (rest / 1e4) | 0
    view.setInt32(at + left - 4, quads[rest - upper * 1e4])
    rest = upper
  }
  const word = quads[rest]
  for (let i = 0; i < left; i++) bytes[at + i] = word >> (8 * (left - 1 - i))
  return at + digits
}

function writeString(out: TextBuffer, at: number, value: number): number {
  const text = String(value)
  for (let i = 0; i < text.length; i++) out.bytes[at + i] = text.charCodeAt(i)
  return at + text.length
}
