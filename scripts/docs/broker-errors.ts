import {
  brokerRequests,
  type ErrorKind,
  type ErrorRule,
  errorKinds,
  errorRules,
} from '../../src/kafka/broker-error-table.ts'
import { spliced } from './splice.ts'

const intros: Readonly<Record<ErrorKind, string>> = {
  retriable:
    'Retriable: the same request is sent again, with growing pauses, after asking anew who leads or coordinates.',
  abortable:
    'Abortable: the slice is rolled back, and its rows come again in another transaction; a membership begins anew.',
  fenced: 'Fenced: another process has our place. Exit code 3.',
  fatal: 'Fatal: the slice is rolled back, and the stage ends with the error and its mend. Exit code 1.',
}

/** docs/reliability.md with the rules of src/kafka/broker-error-table.ts. */
export function withErrorTables(markdown: string): string {
  return spliced(markdown, 'broker errors', errorKinds.map(section).join('\n'))
}

function section(kind: ErrorKind): string {
  const rows = errorRules.filter((rule) => rule.kind === kind).map(row)
  return [`**${intros[kind]}**`, '', '| error | answered to | meaning |', '|---|---|---|', ...rows, ''].join('\n')
}

function row({ name, requests, meaning }: ErrorRule): string {
  const to = requests.length === brokerRequests.length ? 'all' : requests.join(', ')
  return `| \`${name}\` | ${to} | ${meaning} |`
}
