import { UsageError } from '../../errors.ts'

/**
 * A name of a text encoding that `TextDecoder` knows, as the Encoding Standard has it: utf-8, utf-16le, windows-1252.
 */
export type TextEncoding = string

const byteOrderMarks: readonly (readonly [bytes: readonly number[], encoding: TextEncoding])[] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
]

/** The encoding that a byte order mark at the beginning names; undefined without one. */
export function markedEncoding(head: Uint8Array): TextEncoding | undefined {
  return byteOrderMarks.find(([mark]) => mark.every((byte, i) => head[i] === byte))?.[1]
}

/** The number of bytes of the byte order mark at the beginning. */
export function markBytes(head: Uint8Array): number {
  return byteOrderMarks.find(([mark]) => mark.every((byte, i) => head[i] === byte))?.[0].length ?? 0
}

/**
 * The encoding of a text that begins with `head`: its byte order mark's, else the one that was named, else UTF-8.
 * "utf-16" without a mark is little-endian unless every second byte, from the first on, is mostly zero.
 *
 * @throws UsageError for a name that nobody knows, and for a mark that contradicts it
 */
export function textEncoding(head: Uint8Array, named: string | undefined): TextEncoding {
  const marked = markedEncoding(head)
  if (named === undefined) return marked ?? 'utf-8'
  const encoding = encodingOf(named, head)
  if (marked !== undefined && marked !== encoding) {
    throw new UsageError(`The file begins with the byte order mark of ${marked}, not ${named}`, 'Leave out --encoding')
  }
  return encoding
}

/** Names that people use beside those of the Encoding Standard. */
const otherNames: Readonly<Record<string, TextEncoding>> = {
  'latin-1': 'windows-1252',
  cp1250: 'windows-1250',
  cp1251: 'windows-1251',
  cp1252: 'windows-1252',
  cp932: 'shift_jis',
  cp936: 'gbk',
  'mac-roman': 'macintosh',
  macroman: 'macintosh',
}

function encodingOf(named: string, head: Uint8Array): TextEncoding {
  const name = named.toLowerCase()
  // TextDecoder takes "utf-16" for little-endian whatever the bytes say.
  if (name === 'utf-16' || name === 'utf16') {
    return markedEncoding(head)?.startsWith('utf-16') ? (markedEncoding(head) as string) : likelyUtf16(head)
  }
  try {
    return new TextDecoder(otherNames[name] ?? name).encoding
  } catch {
    throw new UsageError(
      `There is no encoding "${named}"`,
      'Name one of the Encoding Standard: utf-8, utf-16, windows-1252 (Western Europe), windows-1251 ' +
        '(Cyrillic), shift_jis, gbk',
    )
  }
}

/** Latin letters, digits and delimiters have a zero byte in UTF-16: first where the order is big-endian. */
function likelyUtf16(head: Uint8Array): TextEncoding {
  let zerosFirst = 0
  let zerosSecond = 0
  for (let at = 0; at + 1 < head.length; at += 2) {
    if (head[at] === 0) zerosFirst++
    if (head[at + 1] === 0) zerosSecond++
  }
  return zerosFirst > zerosSecond ? 'utf-16be' : 'utf-16le'
}
