import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exitCodes } from '../../src/errors.ts'
import { wrapped } from './line-breaks.ts'
import { spliced } from './splice.ts'

const source = join(import.meta.dirname, '../../src')

interface KnownError {
  readonly code: string
  /** the first sentences of its docstring */
  readonly meaning: string
  readonly exitCode: number
  readonly isRetriable: boolean
  /** undefined where it depends on what has happened */
  readonly fix: string | undefined
}

const classes = /\/\*\*((?:(?!\*\/).)*)\*\/\n(?:export )?class \w+ extends \w+ \{\n((?:(?!\n\}\n).)*)\n\}\n/gs

const codeLine = /^ {2}(?:override )?readonly code(?:: [^=]*| )=\s*'(VGM_\w+)'/m
const severalCodes = /^ {2}readonly code: ('VGM_\w+'(?: \| 'VGM_\w+')+)$/m

/** That an error has, or one of those that it may have. */
function codesOf(body: string): string[] {
  const one = codeLine.exec(body)?.[1]
  if (one !== undefined) return [one]
  return [...(severalCodes.exec(body)?.[1].matchAll(/VGM_\w+/g) ?? [])].map(([code]) => code)
}

/** Every error class with a code of its own, as its source has it. */
export function knownErrors(): KnownError[] {
  const errors = globSync('**/*.ts', { cwd: source }).flatMap((file) =>
    [...readFileSync(join(source, file), 'utf8').matchAll(classes)].flatMap(([, doc, body]) => {
      return codesOf(body).map((code) => ({ code, meaning: plain(doc), ...outcomeOf(body), fix: fixOf(body) }))
    }),
  )
  return errors.sort((a, b) => (a.code < b.code ? -1 : 1))
}

function outcomeOf(body: string) {
  const exit = /exitCode: exitCodes\.(\w+)/.exec(body)?.[1] as keyof typeof exitCodes | undefined
  return { exitCode: exitCodes[exit ?? 'failed'], isRetriable: /retriable: true/.test(body) }
}

/** The text of a docstring without its tags. */
function plain(doc: string): string {
  const text = doc.replace(/^\s*\* ?/gm, ' ').split(/\s@\w+/, 1)[0]
  return text.replace(/\s+/g, ' ').trim()
}

const part = /(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`)/.source
const literal = new RegExp(String.raw`\bfix:\s*(${part}(?:\s*\+\s*${part})*)\s*[,}]`)

/** What is written as one text; what it puts in stands in angle brackets. */
function fixOf(body: string): string | undefined {
  const written = literal.exec(body)?.[1]
  if (written === undefined) return undefined
  const texts = [...written.matchAll(new RegExp(part, 'g'))].map(([text]) => text.slice(1, -1))
  const fix = texts
    .join('')
    .replace(/\\(.)/g, '$1')
    .replace(/\$\{([^}]*)\}/g, (_, expression: string) => `<${/^(?:\w+\.)*(\w+)$/.exec(expression)?.[1] ?? '...'}>`)
  return fix.startsWith('<') ? undefined : fix
}

/** docs/errors.md with the errors of src. */
export function withErrors(markdown: string): string {
  const byCode = Map.groupBy(knownErrors(), ({ code }) => code)
  return spliced(markdown, 'errors', [...byCode].map(([code, errors]) => section(code, errors)).join('\n\n'))
}

function section(code: string, errors: readonly KnownError[]): string {
  const paragraphs = errors.flatMap(({ meaning, exitCode, isRetriable, fix }) => {
    const ends = exitCode === exitCodes.failed ? '' : ` Exit code ${exitCode}.`
    const later = isRetriable ? ' The same command may succeed later.' : ''
    return [wrapped(`${meaning}${ends}${later}`), ...(fix === undefined ? [] : [wrapped(`${escaped(fix)}.`, '> ')])]
  })
  return [`### ${code}`, ...paragraphs].join('\n\n')
}

/** Markdown takes angle brackets for HTML. */
const escaped = (text: string) => text.replace(/[<>]/g, '\\$&')
