/**
 * What a terminal would take for a command instead of showing it: control characters of both sets, and those that turn
 * the order of text around. Lines may end.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const commands = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Text of several lines for a terminal. In JSON it changes nothing but how a string is written. */
export function printable(text: string): string {
  return text.replace(commands, escaped)
}

/** A name or a value from outside, made safe for one line. @example printableLine('a\x1b[2J') // 'a\\u001b[2J' */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', '\\u000a')
}

/** What is logged on a terminal: the texts in it, however deep they stand. */
export function printableFields(value: unknown): unknown {
  if (typeof value === 'string') return printable(value)
  if (Array.isArray(value)) return value.map(printableFields)
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [printable(name), printableFields(part)]))
}
