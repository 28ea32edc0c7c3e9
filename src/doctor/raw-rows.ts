import type { Records } from '../batch/records.ts'
import { InterruptedError } from '../errors.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { topicRanges } from '../pipeline/row-topics.ts'
import { ColumnReader } from '../stages/column-reader.ts'
import { KnownSchemas } from '../stages/known-schemas.ts'
import { passedOver } from '../stages/passed-over.ts'
import { type BoundedRange, readPartitions } from '../stages/read-partition.ts'
import type { RawRowFacts } from './facts.ts'

/** Enough to meet every schema that rows have now. */
const rowsPerPartition = 200
const mostPartitions = 16
/** Another producer's open transaction may hold the last rows back. */
const patienceMs = 5_000

export const noRows: RawRowFacts = { rows: 0, tombstones: 0, met: [], unread: [] }

/**
 * The schemas of the last rows of a topic; of the first ones, if there is none among the last, as where transactions
 * were aborted.
 */
export async function rawRowFacts(cluster: ClusterSession, topic: string): Promise<RawRowFacts> {
  const ranges = (await topicRanges(cluster, topic))
    .filter(({ offset, endOffset }) => offset < endOffset)
    .slice(0, mostPartitions)
  if (ranges.length === 0) return noRows
  const last = ranges.map((range) => ({ ...range, offset: Math.max(range.offset, range.endOffset - rowsPerPartition) }))
  const facts = await factsOf(cluster, last)
  if (facts.rows > 0) return facts
  return factsOf(
    cluster,
    ranges.map((range) => ({ ...range, endOffset: Math.min(range.endOffset, range.offset + rowsPerPartition) })),
  )
}

async function factsOf(cluster: ClusterSession, ranges: readonly BoundedRange[]): Promise<RawRowFacts> {
  const { rows, registry, signal } = cluster
  const reader = rows.openReader()
  const columnReader = new ColumnReader(registry, [])
  const limited = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
  try {
    const { kernel } = columnReader
    const take = async (_records: Records, from: number, to: number) => {
      await columnReader.read(from, to)
    }
    await readPartitions(reader, ranges, limited, take, { kernel, onUnreadable: () => undefined })
  } catch (error) {
    if (!(error instanceof InterruptedError) || signal.aborted) throw error
  } finally {
    await reader.close()
  }
  const { census } = columnReader
  const schemas = new KnownSchemas(registry)
  const unread = passedOver(census, [], await schemas.of(census))
  const named = [...census.schemas.values()].reduce((sum, { rows: some }) => sum + some, 0)
  const unnamed = [...census.looks.values()].reduce((sum, some) => sum + some, 0)
  return { rows: named + unnamed, tombstones: census.tombstones, met: await schemas.met(census), unread }
}
