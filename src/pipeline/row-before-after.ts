import type { TopicNames } from '../config/names.ts'
import { type BoundedRange, readPartition } from '../stages/read-partition.ts'
import { type Fields, type PlainType, RowTypes } from '../stages/verify/row-types.ts'
import type { ClusterSession } from './cluster-session.ts'
import { topicRanges } from './row-topics.ts'

/** A field of one row in the three topics; null where it is null. */
export interface FieldBeforeAfter {
  readonly name: string
  /** undefined for what is nested */
  readonly type: PlainType | undefined
  readonly raw: unknown
  /** `{ value, mode }` of a column that is modelled */
  readonly normalized: unknown
  readonly restored: unknown
}

/** Rows that are looked at for one without a null. */
const lookedAt = 100

/**
 * One row as it is loaded, normalized and restored, of a data set without dead letters; undefined if there is none.
 * The row has a value in each of `columns` if the first rows have one that does.
 */
export async function rowBeforeAfter(
  cluster: ClusterSession,
  { raw, normalized, restored }: Pick<TopicNames, 'raw' | 'normalized' | 'restored'>,
  columns: readonly string[],
): Promise<FieldBeforeAfter[] | undefined> {
  const partition = (await topicRanges(cluster, raw)).find(({ offset, endOffset }) => endOffset > offset)?.partition
  if (partition === undefined) return undefined
  const types = new RowTypes((id) => cluster.registry.schemaById(id))
  const [before, between, after] = [
    await firstRows(cluster, types, raw, partition),
    await firstRows(cluster, types, normalized, partition),
    await firstRows(cluster, types, restored, partition),
  ]
  const last = Math.min(before.length, between.length, after.length)
  const whole = between.slice(0, last).findIndex(({ fields }) => columns.every((name) => fields[name] !== null))
  const i = Math.max(0, whole)
  if (last === 0) return undefined
  return before[i].names.map(({ name, type }) => ({
    name,
    type,
    raw: before[i].fields[name],
    normalized: between[i].fields[name],
    restored: after[i].fields[name],
  }))
}

interface DecodedRow {
  readonly names: readonly { readonly name: string; readonly type: PlainType | undefined }[]
  readonly fields: Fields
}

async function firstRows(
  cluster: ClusterSession,
  types: RowTypes,
  topic: string,
  partition: number,
): Promise<DecodedRow[]> {
  const range = (await topicRanges(cluster, topic)).find((each) => each.partition === partition)
  if (range === undefined) return []
  const rows: DecodedRow[] = []
  for (const value of await firstValues(cluster, range)) {
    const type = await types.load(value.readInt32BE(1))
    if (type === undefined) continue
    const names = type.fields.map(({ name, plainType }) => ({ name, type: plainType }))
    rows.push({ names, fields: type.wideType.fromBuffer(value.subarray(5)) as Fields })
  }
  return rows
}

async function firstValues(cluster: ClusterSession, range: BoundedRange): Promise<Buffer[]> {
  const reader = cluster.rows.openReader()
  const values: Buffer[] = []
  try {
    const end = Math.min(range.endOffset, range.offset + lookedAt)
    await readPartition(reader, range, end, cluster.signal, ({ bytes, valueStart, valueEnd }, from, to) => {
      for (let row = from; row < to; row++)
        if (valueStart[row] >= 0) values.push(Buffer.from(bytes.slice(valueStart[row], valueEnd[row])))
    })
    return values
  } finally {
    await reader.close()
  }
}
