import { errorCodes } from '../../../src/embedded/error-codes.ts'
import type { Chance } from './chance.ts'
import { shifted } from './log-steps.ts'
import type { SequenceRun } from './sequence-run.ts'
import { ask, type Step, until } from './step.ts'

/** Who asks for what: a producer's symbol, its transactional id's symbol, and what its epoch is off by. */
export interface Caller {
  readonly producer: string
  readonly id: string
  readonly epochShift: number
}

const preparing = /^Prepare/

/** Waits until the markers of a decision are written: a broker answers before that. */
async function markersWritten(run: SequenceRun, id: string): Promise<void> {
  const client = await run.client('watch')
  await until(async () => {
    const { transactionStates } = await client.ask('DescribeTransactions', 0, { transactionalIds: [run.name(id)] })
    return !preparing.test(transactionStates[0].transactionState)
  })
}

export function initTransactions(
  chance: Chance,
  { producer, id, epochShift }: Caller,
  { isResumed, timeoutMs }: { readonly isResumed: boolean; readonly timeoutMs: number },
): Step {
  return ask(
    'InitProducerId',
    chance.version('InitProducerId', isResumed ? 3 : 0),
    (run) => {
      const { id: producerId, epoch: producerEpoch } = shifted(run, producer, epochShift)
      const resumed = isResumed ? { producerId, producerEpoch } : {}
      return { transactionalId: run.name(id), transactionTimeoutMs: timeoutMs, ...resumed }
    },
    {
      label: `${producer} of ${id}, time-out ${timeoutMs}${isResumed ? `, resumed, epoch ${epochShift}` : ''}`,
      keep({ errorCode, producerId, producerEpoch }, run) {
        if (errorCode !== errorCodes.NONE) return
        const known = run.producers.get(producer)
        run.producers.set(producer, { id: producerId, epoch: producerEpoch })
        if (known?.id === producerId && known.epoch === producerEpoch) return
        for (const key of run.sequences.keys()) if (key.startsWith(`${producer} `)) run.sequences.delete(key)
      },
      settle: (run) => markersWritten(run, id),
    },
  )
}

export function addPartitions(
  chance: Chance,
  { producer, id, epochShift }: Caller,
  topics: readonly (readonly [topic: string, partitions: readonly number[]])[],
): Step {
  return ask(
    'AddPartitionsToTxn',
    chance.version('AddPartitionsToTxn'),
    (run) => {
      const { id: producerId, epoch } = shifted(run, producer, epochShift)
      return {
        v3AndBelowTransactionalId: run.name(id),
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: epoch,
        v3AndBelowTopics: topics.map(([topic, partitions]) => ({ name: run.name(topic), partitions })),
      }
    },
    { label: `${producer} of ${id}, epoch ${epochShift}: ${topics.join(' ')}` },
  )
}

export function addOffsets(chance: Chance, { producer, id, epochShift }: Caller, group: string): Step {
  return ask(
    'AddOffsetsToTxn',
    chance.version('AddOffsetsToTxn'),
    (run) => {
      const { id: producerId, epoch: producerEpoch } = shifted(run, producer, epochShift)
      return { transactionalId: run.name(id), producerId, producerEpoch, groupId: run.name(group) }
    },
    { label: `${producer} of ${id}, epoch ${epochShift}: ${group}` },
  )
}

export function commitOffsets(
  chance: Chance,
  { producer, id, epochShift }: Caller,
  group: string,
  offset: number,
  member: { readonly generation: number; readonly memberId: string },
): Step {
  return ask(
    'TxnOffsetCommit',
    chance.version('TxnOffsetCommit'),
    (run) => {
      const { id: producerId, epoch: producerEpoch } = shifted(run, producer, epochShift)
      return {
        transactionalId: run.name(id),
        groupId: run.name(group),
        producerId,
        producerEpoch,
        generationIdOrMemberEpoch: member.generation,
        memberId: member.memberId,
        topics: [
          {
            name: run.name('t0'),
            partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: `at ${offset}` }],
          },
        ],
      }
    },
    { label: `${producer} of ${id}, epoch ${epochShift}: ${group} at ${offset} ${JSON.stringify(member)}` },
  )
}

export function endTransaction(chance: Chance, { producer, id, epochShift }: Caller, isCommit: boolean): Step {
  return ask(
    'EndTxn',
    chance.version('EndTxn'),
    (run) => {
      const { id: producerId, epoch: producerEpoch } = shifted(run, producer, epochShift)
      return { transactionalId: run.name(id), producerId, producerEpoch, committed: isCommit }
    },
    {
      label: `${producer} of ${id}, epoch ${epochShift}: ${isCommit ? 'commit' : 'abort'}`,
      settle: (run) => markersWritten(run, id),
    },
  )
}

export function describeTransactions(chance: Chance, ids: readonly string[]): Step {
  return ask(
    'DescribeTransactions',
    chance.version('DescribeTransactions'),
    (run) => ({ transactionalIds: ids.map((id) => run.name(id)) }),
    { label: ids.join(' ') },
  )
}

export function listTransactions(chance: Chance, stateFilters: readonly string[], producer: string | null): Step {
  return ask(
    'ListTransactions',
    chance.version('ListTransactions'),
    (run) => ({
      stateFilters,
      producerIdFilters: producer === null ? [] : [shifted(run, producer, 0).id],
      durationFilter: -1,
    }),
    { label: `${stateFilters.join(' ')} ${producer ?? ''}`, listsAll: true },
  )
}
