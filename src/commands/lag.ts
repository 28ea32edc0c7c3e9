import type { Command } from 'commander'
import { parseTopic } from '../config/value-parsers.ts'
import { textTable } from '../observe/report-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'

interface LagFlags extends DatasetFlags {
  readonly group?: string
  readonly topic?: string
}

export function lagCommand(): Command {
  return datasetCommand('lag', 'how far normalize and restore are behind', 'vgm lag --dataset trips')
    .option('--group <name>', 'consumer group that reads --topic')
    .option('--topic <topic>', 'topic that --group reads', parseTopic)
    .action(async (flags: LagFlags) => {
      await withCluster(flags, async (cluster) => {
        const { groupLag, lagRemarks } = await import('../pipeline/index.ts')
        const { dataset, group, topic } = flags
        const lags = await groupLag(cluster, { dataset, group, topic })
        const rows = lags.flatMap(({ group, topic, partitions }) =>
          partitions.map(({ partition, committed, end, lag }) => [
            group,
            topic,
            String(partition),
            committed === undefined ? '-' : String(committed),
            String(end),
            lag,
          ]),
        )
        const table = textTable(['group', 'topic', 'partition', 'committed', 'end', 'lag'], rows)
        printResult(flags, { groups: lags }, [table, ...lags.flatMap(lagRemarks)].join('\n'))
      })
    })
}
