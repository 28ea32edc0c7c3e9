import { defaultModelsTopic, groupName, topicNames } from '../config/names.ts'
import { datasetName, flag, ownTopic } from '../config/value-rules.ts'
import { ModelInUseError, ModelMissingError } from '../model/errors.ts'
import { knownVersions, type ModelCatalogue } from '../model/model-catalogue.ts'
import { removeKey } from '../model/publish-model.ts'
import { countStamps } from '../stages/stamped-versions.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { followModels, type VersionName, versionName, versionNumber, withModelsTarget } from './models-topic.ts'
import { topicRanges } from './row-topics.ts'

export interface RemoveModelOptions {
  readonly dataset: string
  /** its number, or a name of it, by which it is in use */
  readonly version: VersionName
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** of normalized rows, beside those of replays [`<dataset>.normalized`] */
  readonly normalizedTopic?: string | undefined
  /** whether rows that can then no longer be restored do not matter [false] */
  readonly force?: boolean | undefined
}

const checks = optionChecks<RemoveModelOptions>(
  'removeModel',
  { dataset: datasetName, version: versionName },
  { modelsTopic: ownTopic, normalizedTopic: ownTopic, force: flag },
)

/**
 * Deletes a version of a model, unless it is in use: it is the current one or has another name, retained rows of the
 * output or of a replay are stamped with it, or a replay with it is running. All retained rows are read. The number is
 * not given out again.
 *
 * @example
 * await removeModel(cluster, { dataset: 'trips', version: 1 })
 *
 * @returns the version that was deleted
 * @throws ModelInUseError; ModelMissingError, UsageError if there is no such version
 */
export async function removeModel(cluster: ClusterSession, options: RemoveModelOptions): Promise<number> {
  return call(checks, cluster, options, remove)
}

async function remove(cluster: ClusterSession, options: RemoveModelOptions): Promise<number> {
  const { dataset, modelsTopic = defaultModelsTopic, force = false } = options
  const judge = (catalogue: ModelCatalogue, wanted: VersionName): number => {
    const version = versionNumber(modelsTopic, catalogue, dataset, wanted)
    requireUnnamed(modelsTopic, dataset, version, catalogue)
    return version
  }
  // Before the rows, which may take a minute; and once more as the names are then.
  const models = await followModels(cluster, { dataset, modelsTopic })
  const version = await (async () => judge(models.catalogue, options.version))().finally(() => models.close())
  if (!force) await requireUnstamped(cluster, options, version)
  await withModelsTarget(cluster, modelsTopic, dataset, (target) =>
    removeKey(target, dataset, version, (now) => judge(now, version)),
  )
  return version
}

/** @throws ModelInUseError, ModelMissingError */
function requireUnnamed(topic: string, dataset: string, version: number, catalogue: ModelCatalogue): void {
  const models = catalogue.datasets.get(dataset)
  const known = knownVersions(catalogue, dataset)
  if (!known.includes(version)) throw new ModelMissingError(topic, dataset, version, known)
  const refuse = (why: string, fix: string) => new ModelInUseError(dataset, version, why, fix)
  if (models?.alias?.version === version)
    throw refuse('it is the current one', 'Promote another version first ("vgm model promote")')
  for (const [name, named] of models?.named ?? [])
    if (named === version)
      throw refuse(
        `its name is ${name}`,
        `Give the name to another version, or remove it ("vgm model alias --dataset ${dataset} ${name} --remove")`,
      )
  // Compaction removes the trace of it, and the number would be given out once more.
  if (models?.alias === undefined && models?.highestVersion === version)
    throw refuse(
      'nothing else says that its number has been given out',
      'Promote a version first ("vgm model promote")',
    )
}

/** @throws ModelInUseError */
async function requireUnstamped(
  cluster: ClusterSession,
  { dataset, normalizedTopic = topicNames(dataset).normalized }: RemoveModelOptions,
  version: number,
): Promise<void> {
  const { admin, registry, rows, signal } = cluster
  const replays = `${groupName(dataset, 'replay')}.v${version}`
  const groups = (await admin.groups.list()).map(({ group }) => group)
  const pinned = groups.filter((group) => group === replays || group.startsWith(`${replays}.`))
  for (const { group, members } of pinned.length > 0 ? await admin.groups.describe(pinned) : [])
    if (members.length > 0)
      throw new ModelInUseError(dataset, version, `group ${group} replays rows with it`, 'Stop the replay first')
  const names = [...(await admin.topics.partitionCounts()).keys()]
  const replayed = `${topicNames(dataset).normalized}.v`
  const outputs = names.filter(
    (name) => name === normalizedTopic || (name.startsWith(replayed) && /^\d+$/.test(name.slice(replayed.length))),
  )
  const reader = rows.openReader()
  try {
    for (const topic of outputs) {
      const versions = await countStamps(reader, registry, await topicRanges(cluster, topic), signal)
      const stamped = versions.get(version) ?? 0
      const unclear = versions.get(undefined) ?? 0
      const restoring = 'They could not be restored: wait until retention has deleted them, or add --force'
      if (stamped > 0)
        throw new ModelInUseError(dataset, version, `${stamped} rows of ${topic} were normalized with it`, restoring)
      if (unclear > 0)
        throw new ModelInUseError(
          dataset,
          version,
          `${unclear} rows of ${topic} do not say which version they have`,
          restoring,
        )
    }
  } finally {
    await reader.close()
  }
}
