// ECMAScript 2026, in Node since 22; the compiler's library does not have it yet.
interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
  isRawJSON(value: unknown): boolean
}

const exact = JSON as unknown as ExactJson

/**
 * JSON.parse for a text that will be written again: numbers that JavaScript would write differently, such as
 * 9223372036854775807 or 1.0, become opaque objects that JSON.stringify writes unchanged.
 */
export function parseExactJson(text: string): unknown {
  return exact.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? exact.rawJSON(source) : value,
  )
}

/** A number's digits as the text of `parseExactJson` has them; undefined for what is no number. */
export function numberText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return exact.isRawJSON(value) ? JSON.stringify(value) : undefined
}
