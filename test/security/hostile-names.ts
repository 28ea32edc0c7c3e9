import fc from 'fast-check'

/** What a name may hold that was made to be more than a name. */
const pieces = [
  '"',
  "'",
  '`',
  '\\',
  ';',
  '\n',
  '\r',
  '\0',
  '\x1b[2J\x1b]0;owned\x07',
  '\x9b31m',
  '\u202e',
  '../',
  '/etc/passwd',
  '$(touch owned)',
  '`touch owned`',
  '| touch owned',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '"); DROP TABLE exported; --',
  "'; COPY (SELECT 1) TO 'owned'; --",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it must not be one
  '${process.exit(7)}',
  ');process.exit(7);(',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '%s%n',
  'a',
  '€',
] as const

/** Names of one to four pieces. */
export const hostileName = fc
  .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join(''))

/** The words that JavaScript's objects have of themselves are Avro names. */
export const inheritedNames = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'then'] as const
