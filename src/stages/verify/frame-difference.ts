import type { HeaderValue, StockHeaders, StockRow } from '../../ports/stock-log.ts'

/** What differs between two rows beside their values: key, timestamp, headers; undefined if nothing does. */
export function frameDifference(expected: StockRow, found: StockRow): string | undefined {
  if (!isSameKey(expected.key, found.key)) return `the key is ${keyText(found)} instead of ${keyText(expected)}`
  if (expected.timestamp !== found.timestamp) {
    return `the timestamp is ${found.timestamp} instead of ${expected.timestamp}`
  }
  return headersDifference(expected.headers ?? {}, found.headers ?? {})
}

/** Key and timestamp: what a row keeps however wrong its value is. */
export function hasSameFrame(expected: StockRow, found: StockRow): boolean {
  return expected.timestamp === found.timestamp && isSameKey(expected.key, found.key)
}

/** Text that is equal for rows with the same key, timestamp and headers. */
export function framePrint({ key, timestamp, headers = {} }: StockRow): string {
  const texts = Object.entries(headers).map(([name, value]) => `${name}=${valuesOf(value).map(latin1).join()}`)
  return `${timestamp}|${key === null ? '' : `k${latin1(key)}`}|${texts.join()}`
}

function isSameKey(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

function headersDifference(expected: StockHeaders, found: StockHeaders): string | undefined {
  for (const name in expected) {
    const wanted = valuesOf(expected[name])
    const actual = valuesOf(Object.hasOwn(found, name) ? found[name] : undefined)
    if (wanted.length !== actual.length || wanted.some((value, i) => latin1(value) !== latin1(actual[i]))) {
      return `the header "${name}" differs`
    }
  }
  for (const name in found) if (!Object.hasOwn(expected, name)) return `the header "${name}" has been added`
  return undefined
}

function valuesOf(value: StockHeaders[string]): readonly HeaderValue[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value]
}

/** A header may have no value, which is not an empty one: text that no bytes have. */
const latin1 = (value: HeaderValue) =>
  value === null ? '\u2205' : typeof value === 'string' ? value : value.toString('latin1')

const keyText = ({ key }: StockRow) => (key === null ? 'null' : JSON.stringify(key.toString()))
