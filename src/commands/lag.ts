import type { Command } from 'commander'
import { parseTopic } from '../config/value-parsers.ts'
import { lagText } from '../reports/lag-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'
import { controlTopicOption } from './options.ts'

interface LagFlags extends DatasetFlags {
  readonly group?: string
  readonly topic?: string
  readonly controlTopic: string
}

export function lagCommand(): Command {
  return datasetCommand('lag', 'how far normalize, restore and replays are behind', 'vgm lag --dataset trips')
    .option('--group <name>', 'consumer group that reads --topic')
    .option('--topic <topic>', 'topic that --group reads', parseTopic)
    .addOption(controlTopicOption())
    .action(async (flags: LagFlags) => {
      await withCluster(flags, async (cluster) => {
        const { groupLag, lagRemarks } = await import('../pipeline/group-lag.ts')
        const { dataset, group, topic, controlTopic } = flags
        const lags = await groupLag(cluster, { dataset, group, topic, controlTopic })
        printResult(flags, { groups: lags }, lagText(lags, group !== undefined, lagRemarks))
      })
    })
}
