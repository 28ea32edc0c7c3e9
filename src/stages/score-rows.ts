import type { Records } from '../batch/records.ts'
import { BlockGains, heldOutBlocks } from '../drift/block-gains.ts'
import type { Model, ModelContent } from '../model/model.ts'
import type { LogReader, SchemaSource } from '../ports/log.ts'
import { ColumnReader } from './column-reader.ts'
import { type BoundedRange, readPartitions } from './read-partition.ts'

export interface ScoreOptions {
  readonly champion: Pick<Model, 'columns'>
  readonly challenger: Pick<ModelContent, 'columns'>
  readonly reader: LogReader
  readonly registry: SchemaSource
  /** rows that neither was fitted on, a partition each */
  readonly ranges: readonly BoundedRange[]
  readonly signal: AbortSignal
}

/**
 * Scores rows with two models. Block i is the i-th hundredth of each partition: rows that came at about the same time
 * depend on each other, and are together in a block.
 *
 * @throws InterruptedError when `signal` fires
 */
export async function scoreRows(options: ScoreOptions): Promise<BlockGains> {
  const { champion, challenger, reader, registry, signal } = options
  const gains = new BlockGains(champion.columns, challenger.columns, heldOutBlocks)
  if (gains.columns.length === 0) return gains
  const columnReader = new ColumnReader(registry, gains.columns)
  const { kernel } = columnReader
  const columnOf = new Map(gains.columns.map(({ name }, column) => [name, column]))
  const ranges = new Map(options.ranges.map((range) => [range.partition, range]))
  const take = async (records: Records, from: number, to: number, partition: number) => {
    const { offset, endOffset } = ranges.get(partition) as BoundedRange
    const blockOf = (row: number) => {
      const place = (records.baseOffset + records.offsetDelta[row] - offset) / (endOffset - offset)
      return Math.floor(place * heldOutBlocks)
    }
    for (let row = from; row < to; ) {
      const block = blockOf(row)
      let end = row + 1
      while (end < to && blockOf(end) === block) end++
      gains.addRows(block, await columnReader.read(row, end))
      for (const [c, { name }] of columnReader.columns.entries())
        gains.add(block, columnOf.get(name) as number, columnReader.values(c))
      row = end
    }
  }
  const filled = options.ranges.filter(({ offset, endOffset }) => offset < endOffset)
  await readPartitions(reader, filled, signal, take, { kernel, onUnreadable: () => undefined })
  return gains
}
