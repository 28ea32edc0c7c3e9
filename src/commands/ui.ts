import { once } from 'node:events'
import type { Command } from 'commander'
import { checkDataset } from '../config/names.ts'
import { parseEndpoint } from '../observe/endpoint-address.ts'
import {
  type ClusterCommandFlags,
  clusterCommand,
  modelsTopicOption,
  positionsTopicOption,
  withCluster,
} from './command-context.ts'
import { httpOption } from './options.ts'

interface UiFlags extends ClusterCommandFlags {
  readonly http: string
  readonly allowChanges?: boolean
  readonly modelsTopic: string
}

export function uiCommand(): Command {
  return clusterCommand('ui', 'watch the flow, models, rows and dead letters in a browser', 'vgm ui trips')
    .argument('[dataset]', 'data set to begin with (default: the first one)', checkDataset)
    .addOption(httpOption('address to serve the dashboard at; default host 127.0.0.1').default('4480'))
    .option('--allow-changes', 'let the dashboard retry dead letters, promote models, pause and resume stages')
    .addOption(modelsTopicOption())
    .addOption(positionsTopicOption())
    .action(async (dataset: string | undefined, flags: UiFlags) => {
      await withCluster(flags, async (cluster) => {
        const { serveUi } = await import('../ui/serve-ui.ts')
        const { http, allowChanges = false, modelsTopic } = flags
        const ui = await serveUi(cluster, parseEndpoint(http)!, { dataset, allowChanges, modelsTopic })
        process.stdout.write(flags.json ? `${JSON.stringify({ url: ui.url })}\n` : `Open ${ui.url}\nCtrl-C ends it.\n`)
        if (!cluster.signal.aborted) await once(cluster.signal, 'abort')
        await ui.close()
      })
    })
}
