import type { Command } from 'commander'
import { type GroupStage, groupName, topicNames } from '../config/names.ts'
import { parseTopic } from '../config/value-parsers.ts'
import { textTable } from '../observe/report-text.ts'
import { positionsIn } from '../pipeline/group-positions.ts'
import { type Lag, type LagSource, lagOf, lagRemarks } from '../stages/lag.ts'
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
      const { dataset } = flags
      const { raw, normalized } = topicNames(dataset)
      const stages: readonly (readonly [GroupStage, string])[] = [
        ['normalize', raw],
        ['restore', normalized],
      ]
      const groups =
        flags.group === undefined
          ? stages.map(([stage, topic]) => [groupName(dataset, stage), topic] as const)
          : [[flags.group, flags.topic ?? raw] as const]
      await withCluster(flags, async (cluster) => {
        const { admin } = cluster
        const source: LagSource = {
          committedOffsets: (group, topic) => positionsIn(cluster, group, topic),
          watermarks: (topic) => admin.offsets.watermarks(topic),
        }
        if (flags.group === undefined) await admin.topics.mustExist(raw)
        const lags: Lag[] = []
        for (const [group, topic] of groups)
          if (flags.group !== undefined || (await admin.topics.partitionCount(topic)) !== undefined)
            lags.push(await lagOf(source, group, topic))
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
