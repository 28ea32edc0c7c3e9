import { errorCodes } from '../../../src/embedded/error-codes.ts'
import type { ApiName } from '../../../src/embedded/protocol/apis.ts'
import { zeroUuid } from '../../../src/embedded/protocol/primitives.ts'
import { plainBatches } from './plain-batches.ts'
import type { SequenceRun } from './sequence-run.ts'
import type { Answered } from './step.ts'

/** An answer without what differs from run to run: JSON, lists by what they name. */
export type Plain = string | number | boolean | null | { readonly [name: string]: Plain }
type Draft = string | number | boolean | null | readonly Draft[] | { readonly [name: string]: Draft }

const errorNames = new Map<number, string>(Object.entries(errorCodes).map(([name, code]) => [code, name]))
/** Marks ids in drafts: what kind of id, and which. */
const idMark = /«(\w+):([^»]*)»/g
const uuidEnd = /-(?:[0-9a-f]-?){32}$/
/** By which of its fields an item of a list is known. */
const identities = [
  'name',
  'topic',
  'topicId',
  'groupId',
  'transactionalId',
  'resourceName',
  'partitionIndex',
  'index',
  'partition',
  'memberId',
  'producerId',
  'key',
  'nodeId',
  'brokerId',
  'apiKey',
] as const
const nowMs = 15 * 60_000

function mark(kind: string, id: string | bigint): string {
  return `«${kind}:${id}»`
}

/** Numbers ids in the order in which a run's answers show them first. */
class IdNumbers {
  readonly #numbers = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  replace(text: string): string {
    return text.replace(idMark, (whole, kind: string) => {
      const known = this.#numbers.get(whole)
      if (known !== undefined) return known
      const count = (this.#counts.get(kind) ?? 0) + 1
      this.#counts.set(kind, count)
      this.#numbers.set(whole, `${kind}#${count}`)
      return `${kind}#${count}`
    })
  }
}

/** The answers of a run, with names and ids replaced by their order. */
export function canonicalAnswers(run: SequenceRun, answers: readonly Answered[]): Plain[] {
  const numbers = new IdNumbers()
  return answers.map(({ api, body, listsAll }) => {
    const draft = draftOf(run, api, '', listsAll ? onlyOwn(run, body) : body)
    return finish(draft, numbers)
  })
}

function onlyOwn(run: SequenceRun, body: unknown): unknown {
  const own = (item: Record<string, unknown>): boolean =>
    String(item.name ?? item.groupId ?? item.transactionalId).startsWith(run.prefix)
  return Object.fromEntries(
    Object.entries(body as object).map(([name, value]) => [
      name,
      ['topics', 'groups', 'transactionStates'].includes(name)
        ? (value as Record<string, unknown>[]).filter(own)
        : value,
    ]),
  )
}

function draftOf(run: SequenceRun, api: ApiName, field: string, value: unknown): Draft {
  if (value === null || value === undefined) return null
  if (Buffer.isBuffer(value))
    return field === 'records' ? plainBatches(value).map((batch) => draftOf(run, api, '', batch)) : textOf(run, value)
  if (typeof value === 'bigint') return field === 'producerId' && value >= 0n ? mark('producer', value) : Number(value)
  if (typeof value === 'number') return draftOfNumber(run, field, value)
  if (typeof value === 'string') return draftOfText(run, field, value)
  if (typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.map((item) => draftOf(run, api, field, item))
  // By the hash of the group, over as many as there are.
  const fields = value as Readonly<Record<string, unknown>>
  const isOffsetsTopic = fields.topic === '__consumer_offsets'
  return Object.fromEntries(
    Object.entries(isOffsetsTopic ? { ...fields, partitions: 'one' } : fields)
      .filter(([name]) => name !== 'throttleTimeMs')
      .map(([name, item]) => [name, draftOf(run, api, name, item)]),
  )
}

function draftOfNumber(run: SequenceRun, field: string, value: number): Draft {
  if (/errorcode$/i.test(field)) return errorNames.get(value) ?? value
  if (/time(stamp)?(ms)?$/i.test(field) && Math.abs(Date.now() - value) < nowMs) return 'now'
  if (field === 'port' && run.side.address.endsWith(`:${value}`)) return 'port'
  if (field === 'sessionId' && value !== 0) return 'a session'
  if (/^(total|usable)Bytes$/.test(field) && value > 0) return 'bytes'
  return value
}

function draftOfText(run: SequenceRun, field: string, value: string): Draft {
  if (field === 'topicId') return value === zeroUuid ? 'none' : (run.topicOf(value) ?? value)
  if (field === 'memberId' || field === 'leader') {
    const head = value.replace(uuidEnd, '')
    const named = head.replaceAll(run.prefix, '')
    return head === value ? named : `${named}/${mark('member', value)}`
  }
  if (field === 'host' && run.side.address.startsWith(`${value}:`)) return 'host'
  if (field === 'clusterId' && value !== '') return 'cluster'
  if (field === 'logDir' && value !== '') return 'folder'
  if (/message$|documentation/i.test(field) && value !== '') return 'text'
  return value.replaceAll(run.prefix, '')
}

function textOf(run: SequenceRun, bytes: Buffer): string {
  const text = bytes.toString('latin1').replaceAll(run.prefix, '')
  return /^[\x20-\x7e]*$/.test(text) ? text : JSON.stringify(text)
}

/** Sorts lists, since clients rely on no order of them, and numbers the ids. Batches keep their order. */
function finish(draft: Draft, numbers: IdNumbers, field = ''): Plain {
  if (typeof draft === 'string') return numbers.replace(draft)
  if (draft === null || typeof draft !== 'object') return draft
  if (!Array.isArray(draft))
    return Object.fromEntries(Object.entries(draft).map(([name, item]) => [name, finish(item, numbers, name)]))
  const sortKey = (item: Draft): string => JSON.stringify(item).replace(idMark, '$1')
  const sorted =
    field === 'records'
      ? draft
      : draft
          .map((item: Draft) => [sortKey(item), item] as const)
          .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
          .map(([, item]) => item)
  const named: Record<string, Plain> = {}
  for (const [i, item] of sorted.entries()) {
    const value = finish(item, numbers)
    const identity = (field !== 'records' && identityOf(value)) || String(i)
    named[identity in named ? `${identity} (${i})` : identity] = value
  }
  return named
}

function identityOf(value: Plain): string | undefined {
  if (value === null || typeof value !== 'object') return undefined
  const name = identities.find((identity) => identity in value && value[identity] !== null && value[identity] !== '')
  return name && String(value[name])
}
