import type { Cell, CellReader } from './cell-values.ts'
import type { PlainType } from './row-types.ts'

/**
 * The key that a load gives the row of a cell: its value's text as DuckDB writes it. Written anew here, for an audit
 * that is told its keys by DuckDB could not find wrong ones.
 */
export function keyText(cell: Cell, read: CellReader, { type, logicalType }: PlainType): string | undefined {
  const value = read(cell)
  if (value === undefined || value === null) return undefined
  switch (logicalType ?? type) {
    case 'double':
      return typeof value === 'number' ? numberText(value, value.toExponential()) : String(value)
    case 'float':
      return numberText(value as number, floatDigits(value as number))
    case 'date':
      return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10)
    case 'timestamp-millis':
      return timestampText(BigInt(value as bigint) * 1_000_000n)
    case 'timestamp-micros':
      return timestampText(BigInt(value as bigint) * 1_000n)
    case 'timestamp-nanos':
      return timestampText(BigInt(value as bigint))
    case 'time-micros':
      return timestampText(BigInt(value as bigint) * 1_000n).slice(11)
    default:
      return String(value)
  }
}

/** The fewest digits that read back as the same float, with an exponent. */
function floatDigits(value: number): string {
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits)
    if (Math.fround(Number(text)) === value) return text
  }
  return value.toExponential()
}

/** @param digits of the value with an exponent, 1.25e+3 */
function numberText(value: number, digits: string): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  const [mantissa, exponentText] = digits.split('e')
  const exponent = Number(exponentText)
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  const sign = Object.is(value, -0) || value < 0 ? '-' : ''
  const figures = mantissa.replace('-', '').replace('.', '')
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${figures}`
  const whole = figures.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return `${sign}${whole}.${figures.slice(exponent + 1) || '0'}`
}

function timestampText(nanos: bigint): string {
  const second = 1_000_000_000n
  const rest = ((nanos % second) + second) % second
  const time = new Date(Number((nanos - rest) / 1_000_000n)).toISOString().slice(0, 19).replace('T', ' ')
  return rest === 0n ? time : `${time}.${String(rest).padStart(9, '0').replace(/0+$/, '')}`
}
