import type { Command } from 'commander'
import { parseTopic } from '../config/value-parsers.ts'
import { durationText, wrappedText } from '../observe/report-text.ts'
import type { Lag } from '../pipeline/group-lag.ts'
import { type DatasetFlags, datasetCommand, printResult, screenTable, withCluster } from './command-context.ts'
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
        // What is done stays known for ever: only what is named, or not done, is listed.
        const shown = lags.filter(({ output, total }) => group !== undefined || output === undefined || total > 0)
        const remarks = shown.flatMap(lagRemarks)
        const done = lags.length - shown.length
        if (done > 0) remarks.push(done === 1 ? '1 replay is done.' : `${done} replays are done.`)
        const parts = [...shown.map(groupText), ...(remarks.length === 0 ? [] : [remarks.map(onScreen).join('\n')])]
        printResult(flags, { groups: lags }, parts.join('\n\n'))
      })
    })
}

function groupText({ group, topic, partitions }: Lag): string {
  const rows = partitions.map(({ partition, committed, end, lag, movedMs, secondsLeft }) => [
    String(partition),
    committed === undefined ? '-' : String(committed),
    String(end),
    lag,
    movedMs === undefined ? '-' : timeText(movedMs),
    secondsLeft === undefined ? '-' : durationText(secondsLeft),
  ])
  const table = screenTable(['partition', 'committed', 'end', 'lag', 'last progress', 'time left'], rows)
  return `${onScreen(`Group ${group} of topic ${topic}`)}\n${table}`
}

const onScreen = (sentence: string) => wrappedText(sentence, process.stdout.columns).join('\n')

/** @example timeText(1_795_435_200_000) // '2026-11-23 12:00:00' */
function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}
