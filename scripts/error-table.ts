/**
 * Writes the tables of "Errors of brokers and what we do" into docs/reliability.md, from src/kafka/broker-error-table.ts.
 *
 *     node scripts/error-table.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  brokerRequests,
  type ErrorKind,
  type ErrorRule,
  errorKinds,
  errorRules,
} from '../src/kafka/broker-error-table.ts'

const [begin, end] = ['<!-- error tables: node scripts/error-table.ts -->', '<!-- end of the error tables -->']

const intros: Readonly<Record<ErrorKind, string>> = {
  retriable:
    'Retriable: the same request is sent again, with growing pauses, after asking anew who leads or coordinates.',
  abortable:
    'Abortable: the slice is rolled back, and its rows come again in another transaction; a membership begins anew.',
  fenced: 'Fenced: another process has our place. Exit code 3.',
  fatal: 'Fatal: the slice is rolled back, and the stage ends with the error and its mend. Exit code 1.',
}

/** The file with its tables as the source has them now; everything around them stays. @throws if it has no place for them */
export function withErrorTables(markdown: string): string {
  const [at, to] = [markdown.indexOf(begin), markdown.indexOf(end)]
  if (at < 0 || to < at) throw new Error(`There is no place for the tables: "${begin}" and "${end}"`)
  const from = at + begin.length
  return `${markdown.slice(0, from)}\n\n${errorKinds.map(section).join('\n')}\n${markdown.slice(to)}`
}

function section(kind: ErrorKind): string {
  const rows = errorRules.filter((rule) => rule.kind === kind).map(row)
  return [`**${intros[kind]}**`, '', '| error | answered to | meaning |', '|---|---|---|', ...rows, ''].join('\n')
}

function row({ name, requests, meaning }: ErrorRule): string {
  const to = requests.length === brokerRequests.length ? 'all' : requests.join(', ')
  return `| \`${name}\` | ${to} | ${meaning} |`
}

if (import.meta.main) {
  const path = join(import.meta.dirname, '../docs/reliability.md')
  writeFileSync(path, withErrorTables(readFileSync(path, 'utf8')))
}
