import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import { FetchedReader } from '../../src/stages/read-fetched.ts'

/** A committed row with all its bytes; they are the reader's own. */
export interface TopicRow {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** in their order, which stock clients lose where a name repeats */
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

const pollMs = 100

/** The committed rows of a partition, from `from` to where it ends now. */
export async function* partitionRows(
  { rows, admin }: ClusterSession,
  topic: string,
  partition: number,
  from = 0,
): AsyncGenerator<TopicRow> {
  const end = await admin.offsets.highWatermark(topic, partition)
  const reader = rows.openReader()
  const fetchedReader = new FetchedReader()
  const { records } = fetchedReader
  try {
    reader.assign([{ topic, partition, offset: from, endOffset: end }])
    while (reader.position(topic, partition) < end)
      for (const fetched of await reader.poll(pollMs))
        for (const batch of fetched.batches)
          for (const range of fetchedReader.pieces(fetched, batch)) {
            // Copied before the next rows take their place.
            const { bytes, keyStart, keyEnd, valueStart, valueEnd, recordEnd } = records
            for (let row = range.from; row < range.to; row++)
              yield {
                offset: records.baseOffset + records.offsetDelta[row],
                timestampMs: records.timestampMs[row],
                key: keyStart[row] < 0 ? null : Buffer.from(bytes.slice(keyStart[row], keyEnd[row])),
                value: valueStart[row] < 0 ? null : Buffer.from(bytes.slice(valueStart[row], valueEnd[row])),
                headers: decodeHeaders(Buffer.from(bytes.slice(valueEnd[row], recordEnd[row]))),
              }
          }
  } finally {
    await reader.close()
  }
}

/** What differs between two rows beside their offsets and times; undefined if nothing does. */
export function rowDifference(a: TopicRow, b: Pick<TopicRow, 'key' | 'value' | 'headers'>): string | undefined {
  if (!isSame(a.key, b.key)) return 'the key'
  if (!isSame(a.value, b.value)) return 'the value'
  const sameHeaders =
    a.headers.length === b.headers.length &&
    a.headers.every(([name, value], i) => name === b.headers[i][0] && isSame(value, b.headers[i][1]))
  return sameHeaders ? undefined : 'the headers'
}

function isSame(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

/** Count, then length and bytes of each name and value: https://kafka.apache.org/documentation/#recordheader */
function decodeHeaders(block: Buffer): [string, Buffer | null][] {
  let at = 0
  const varint = () => {
    let zigzag = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = block[at++]
      zigzag += (byte & 127) * scale
      if (byte < 128) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
    }
  }
  const take = (length: number) => {
    at += length
    return block.subarray(at - length, at)
  }
  return Array.from({ length: varint() }, () => {
    const name = take(varint()).toString()
    const length = varint()
    return [name, length < 0 ? null : take(length)]
  })
}
