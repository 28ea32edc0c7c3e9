import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultModelsTopic, valueSubject } from '../config/names.ts'
import { datasetName, flag, ownTopic, text } from '../config/value-rules.ts'
import { PipelineError, UsageError } from '../errors.ts'
import { FileUnreadableError, FileUnwritableError } from '../files/file-errors.ts'
import { openPartialFolder } from '../files/partial-folder.ts'
import { checkTarget } from '../files/target-file.ts'
import { ModelFileError } from '../model/errors.ts'
import type { Model, ModelContent } from '../model/model.ts'
import { modelFromJson, modelToJson } from '../model/model-json.ts'
import { publishModel } from '../model/publish-model.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { planColumns, type SchemaMismatch } from '../rows/planned-columns.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { warnOfNames } from './fit-dataset.ts'
import { followModels, modelNamed, type VersionName, versionName, withModelsTarget } from './models-topic.ts'
import { datasetTopics } from './row-topics.ts'

export interface ExportModelOptions {
  readonly dataset: string
  /** JSON file that is written */
  readonly file: string
  /** a version, or a name of one ['current'] */
  readonly version?: VersionName | undefined
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const exportChecks = optionChecks<ExportModelOptions>(
  'exportModel',
  { dataset: datasetName, file: text },
  { version: versionName, overwrite: flag, modelsTopic: ownTopic },
)

/**
 * Writes a model to a JSON file, which `importModel` and the Python package read. The file appears when it is whole.
 *
 * @example
 * await exportModel(cluster, { dataset: 'trips', version: 3, file: 'trips.model.json' })
 *
 * @throws ModelMissingError; FileExistsError, FileUnwritableError
 */
export async function exportModel(cluster: ClusterSession, options: ExportModelOptions): Promise<Model> {
  return call(exportChecks, cluster, options, writeModel)
}

async function writeModel(cluster: ClusterSession, options: ExportModelOptions): Promise<Model> {
  const { dataset, file, version = 'current', overwrite = false, modelsTopic } = options
  await checkTarget(file, overwrite)
  const models = await followModels(cluster, { dataset, modelsTopic })
  const model = await modelNamed(models, dataset, version).finally(() => models.close())
  try {
    const folder = await openPartialFolder(file, overwrite)
    try {
      const whole = join(folder.path, 'model.json')
      await writeFile(whole, `${modelToJson(model)}\n`)
      await folder.publish(whole)
    } finally {
      await folder.discard()
    }
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause
    throw new FileUnwritableError(file, (cause as Error).message, cause)
  }
  return model
}

export interface ImportModelOptions {
  /** whose model it becomes, whatever the file says */
  readonly dataset: string
  /** JSON file of a model */
  readonly file: string
  /** whether the new version becomes the current one, which stages use [true] */
  readonly promote?: boolean | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** whose latest schema must leave the columns' names free ['<dataset>.raw'] */
  readonly rawTopic?: string | undefined
}

const importChecks = optionChecks<ImportModelOptions>(
  'importModel',
  { dataset: datasetName, file: text },
  { promote: flag, modelsTopic: ownTopic, rawTopic: ownTopic },
)

/**
 * Publishes the model of a JSON file as the data set's next version.
 *
 * @example
 * const { version } = await importModel(cluster, { dataset: 'trips', file: 'trips.model.json' })
 *
 * @throws ModelFileError if the file holds none, or one that was changed; FileUnreadableError
 * @throws UsageError for a model that is to be current, and whose columns no rows of the raw topic have
 */
export async function importModel(cluster: ClusterSession, options: ImportModelOptions): Promise<Model> {
  return call(importChecks, cluster, options, publishFile)
}

async function publishFile(cluster: ClusterSession, options: ImportModelOptions): Promise<Model> {
  const { dataset, file, promote: isCurrent = true, modelsTopic = defaultModelsTopic, rawTopic } = options
  const topics = datasetTopics(cluster, dataset, { raw: rawTopic }, modelsTopic)
  const json = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const problem = cause.code === 'ENOENT' ? 'there is no such file' : cause.message
    throw new FileUnreadableError(file, problem, 'Check the path', cause)
  })
  const content = modelFromJson(json, dataset)
  if (typeof content === 'string') throw new ModelFileError(file, content)
  if (isCurrent) await refuseOtherRows(cluster, topics.raw, content)
  await warnOfNames(cluster, topics.raw, content)
  return withModelsTarget(cluster, modelsTopic, dataset, (target) => publishModel(target, content, { isCurrent }))
}

/** @throws UsageError if no schema of the raw rows has the columns: normalize would make all of them dead letters */
async function refuseOtherRows(
  { registry }: ClusterSession,
  rawTopic: string,
  { columns }: ModelContent,
): Promise<void> {
  const schemas = await registry.newest(valueSubject(rawTopic))
  const [newest, ...others] = schemas.map((schema) => planColumns(parseAvroSchema(schema), columns))
  if (newest === undefined || [newest, ...others].some((plan) => !('reason' in plan))) return
  const { reason } = newest as SchemaMismatch
  throw new UsageError(
    `The rows of ${rawTopic} are not those of this model, and would all become dead letters: ${reason}`,
    'Import the model of this data set (--dataset), or publish it without making it the current one (--no-promote)',
  )
}
