import {
  type BrokerRequest,
  brokerRequests,
  type ErrorKind,
  type ErrorRule,
  errorKinds,
  errorRules,
} from '../../src/kafka/broker-error-table.ts'
import { spliced } from './splice.ts'

const intros: Readonly<Record<ErrorKind, string>> = {
  retriable:
    'Retriable: the leader or coordinator is looked up again, and the same request is sent again, with growing pauses.',
  abortable:
    'Abortable: the slice is rolled back, and its rows are read again in another transaction; a member ' +
    'rejoins its group.',
  fenced: 'Fenced: another process has taken over. Exit code 3.',
  fatal: 'Fatal: the slice is rolled back, and the stage ends with the error and its fix. Exit code 1.',
}

/** docs/reliability.md with the rules of src/kafka/broker-error-table.ts. */
export function withErrorTables(markdown: string): string {
  return spliced(
    markdown,
    'broker errors',
    ['The second column names some requests by their group:', '', ...legend, '', ...errorKinds.map(section)].join('\n'),
  )
}

/** Names for requests that often come together: they keep the lines of the tables short. */
const groups: Readonly<Record<string, readonly BrokerRequest[]>> = {
  '*log*': ['Produce', 'Fetch', 'ListOffsets'],
  '*transaction*': ['AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn'],
  '*membership*': ['JoinGroup', 'SyncGroup', 'Heartbeat', 'LeaveGroup'],
  '*topics*': ['CreateTopics', 'CreatePartitions', 'DeleteTopics'],
}
const legend = Object.entries(groups).map(([name, requests]) => `- ${name}: ${requests.join(', ')}`)

/** These requests, with the name of a group in the place of all of its requests. */
function abbreviated(requests: readonly BrokerRequest[]): string[] {
  const rest = new Set(requests)
  const names = Object.entries(groups).flatMap(([name, members]) => {
    if (!members.every((request) => rest.has(request))) return []
    for (const request of members) rest.delete(request)
    return [name]
  })
  return [...rest, ...names]
}

function section(kind: ErrorKind): string {
  const rows = errorRules.filter((rule) => rule.kind === kind).map(row)
  return [`**${intros[kind]}**`, '', '| error | in responses to | meaning |', '|---|---|---|', ...rows, ''].join('\n')
}

function row({ name, requests, meaning }: ErrorRule): string {
  const to = requests.length === brokerRequests.length ? 'all' : abbreviated(requests).join(', ')
  return `| \`${name}\` | ${to} | ${meaning} |`
}
