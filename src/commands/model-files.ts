import type { Command } from 'commander'
import { parseVersionName } from '../config/value-parsers.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import { modelResult } from '../reports/model-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'
import { topicOption } from './options.ts'

interface ExportFlags extends DatasetFlags {
  readonly overwrite?: boolean
}

export function exportCommand(): Command {
  return datasetCommand(
    'export',
    'write a version (default: the current one) to a JSON file',
    'vgm model export trips.model.json --dataset trips',
  )
    .argument('<file>', 'JSON file that is written; "vgm model import" and the Python package read it')
    .argument('[version]', 'version of a model, or a name of one', parseVersionName)
    .option('--overwrite', 'replace a file that exists')
    .action((file: string, wanted: VersionName | undefined, flags: ExportFlags) =>
      withCluster(flags, async (cluster) => {
        const { exportModel } = await import('../pipeline/model-file.ts')
        const { dataset, modelsTopic, overwrite } = flags
        const of = { dataset, modelsTopic, version: wanted, file, overwrite }
        const { version } = await exportModel(cluster, of)
        printResult(flags, { dataset, version, file }, `${file} holds version ${version} of data set ${dataset}.`)
      }),
    )
}

interface ImportFlags extends DatasetFlags {
  readonly promote: boolean
  readonly rawTopic?: string
}

export function importCommand(): Command {
  return datasetCommand(
    'import',
    'publish the model of a JSON file as the next version',
    'vgm model import trips.model.json --dataset trips',
  )
    .argument('<file>', 'JSON file that "vgm model export" or the Python package has written')
    .option('--no-promote', 'publish the model without making it the current one')
    .addOption(topicOption('raw'))
    .action((file: string, flags: ImportFlags) =>
      withCluster(flags, async (cluster) => {
        const { importModel } = await import('../pipeline/model-file.ts')
        const { dataset, modelsTopic, rawTopic, promote } = flags
        const model = await importModel(cluster, { dataset, modelsTopic, rawTopic, file, promote })
        const current = promote ? 'the current one' : 'not the current one'
        const text = `${file} is version ${model.version} of data set ${dataset} now, and ${current}.`
        printResult(flags, { ...modelResult(model), promoted: promote }, text)
      }),
    )
}
