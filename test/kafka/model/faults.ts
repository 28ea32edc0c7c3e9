import { protocolErrors } from '@platformatic/kafka'
import fc from 'fast-check'
import { errorRules } from '../../../src/kafka/broker-error-table.ts'
import type { Fault } from './model-network.ts'
import type { RequestName } from './refusals.ts'

/** After which a request that was lost is not done any more. */
export const latestMs = 15_000
/** An error that no client of today knows. */
export const unknownCode = 999

/** Those that a transaction is made of. */
export const transactionRequests = [
  'InitProducerId',
  'AddPartitionsToTxn',
  'Produce',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
] as const satisfies readonly RequestName[]

const lateMs = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 400 }) },
  fc.integer({ min: 400, max: latestMs }),
)
const breakage: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant({ kind: 'lost request' } as const),
  fc.constant({ kind: 'lost answer' } as const),
  { weight: 3, arbitrary: lateMs.map((ms) => ({ kind: 'late request', ms }) as const) },
  fc.constant({ kind: 'silence' } as const),
  fc.integer({ min: 1, max: 5_000 }).map((ms) => ({ kind: 'late answer', ms }) as const),
)

/** What brokers answer to a request, by the table; what ends a worker less often. */
function codeOf(name: RequestName): fc.Arbitrary<number> {
  const rules = errorRules.filter(({ requests }) => requests.includes(name))
  const codes = (isEnd: boolean) =>
    rules
      .filter(({ kind }) => (kind === 'fatal' || kind === 'fenced') === isEnd)
      .map((known) => protocolErrors[known.name as keyof typeof protocolErrors].code)
  const [mild, bad] = [codes(false), [unknownCode, ...codes(true)]]
  return mild.length === 0
    ? fc.constantFrom(...bad)
    : fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...mild) }, { weight: 1, arbitrary: fc.constantFrom(...bad) })
}

/** Something that may happen to a request of this name. */
export function faultOf(name: RequestName): fc.Arbitrary<Fault> {
  return fc.oneof(
    breakage,
    codeOf(name).map((code) => ({ kind: 'error', code }) as const),
  )
}
