import { once } from 'node:events'
import type { Command } from 'commander'
import { checkDataset, topicNames } from '../config/names.ts'
import { UsageError } from '../errors.ts'
import { parseEndpoint } from '../observe/endpoint-address.ts'
import {
  type ClusterCommandFlags,
  clusterCommand,
  modelsTopicOption,
  positionsTopicOption,
  withCluster,
} from './command-context.ts'
import {
  controlTopicOption,
  httpOption,
  statsTopicOption,
  type TopicFlags,
  topicOverrides,
  withTopicOptions,
} from './options.ts'

const topics = ['raw', 'sample', 'normalized', 'deadLetters', 'restored'] as const

interface UiFlags extends ClusterCommandFlags, TopicFlags<(typeof topics)[number]> {
  readonly http: string
  readonly allowChanges?: boolean
  readonly normalizeGroup?: string
  readonly restoreGroup?: string
  readonly modelsTopic: string
  readonly positionsTopic: string
  readonly statsTopic: string
  readonly controlTopic: string
}

export function uiCommand(): Command {
  const command = clusterCommand('ui', 'watch the flow, models, rows and dead letters in a browser', 'vgm ui trips')
    .argument('[dataset]', 'data set to begin with (default: the first one)', checkDataset)
    .addOption(httpOption('address to serve the dashboard at; default host 127.0.0.1').default('4480'))
    .option('--allow-changes', 'let the dashboard retry dead letters, promote models, pause and resume stages')
  return withTopicOptions(command, ...topics)
    .option('--normalize-group <name>', '--group of normalize')
    .option('--restore-group <name>', '--group of restore')
    .addOption(modelsTopicOption())
    .addOption(positionsTopicOption())
    .addOption(statsTopicOption())
    .addOption(controlTopicOption())
    .action(async (dataset: string | undefined, flags: UiFlags) => {
      const { modelsTopic, statsTopic, controlTopic } = flags
      const names = { ...namesIn(flags, dataset), modelsTopic, statsTopic, controlTopic }
      await withCluster(flags, async (cluster) => {
        const { serveUi } = await import('../ui/serve-ui.ts')
        const { http, allowChanges = false } = flags
        const ui = await serveUi(cluster, parseEndpoint(http)!, { dataset, allowChanges, names })
        process.stdout.write(flags.json ? `${JSON.stringify({ url: ui.url })}\n` : `Open ${ui.url}\nCtrl-C ends it.\n`)
        if (!cluster.signal.aborted) await once(cluster.signal, 'abort')
        await ui.close()
      })
    })
}

/** @throws UsageError for names of no data set, and for one topic in two places */
function namesIn(flags: UiFlags, dataset: string | undefined) {
  const overrides = topicOverrides(flags, ...topics)
  const groups = { normalize: flags.normalizeGroup, restore: flags.restoreGroup }
  const [given] = [...Object.values(overrides), ...Object.values(groups)].filter((name) => name !== undefined)
  if (dataset === undefined && given !== undefined)
    throw new UsageError(
      `${given} is a topic or group of one data set, and no data set is named`,
      `Name it: vgm ui DATASET`,
    )
  if (dataset !== undefined)
    topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic, flags.statsTopic, flags.controlTopic])
  return { topics: overrides, groups }
}
