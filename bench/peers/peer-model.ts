import { writeFileSync } from 'node:fs'
import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import { followModels } from '../../src/pipeline/models-topic.ts'
import { deriveNormalizedSchema } from '../../src/rows/normalized-schema.ts'

/**
 * What a peer needs to normalize rows of one double column; arrays of shape (K), ordered by mean, as in
 * schemas/model.avsc.
 */
export interface PeerModel {
  readonly version: number
  /** in the schema registry */
  readonly rawSchemaId: number
  readonly normalizedSchemaId: number
  readonly weight: readonly number[]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly offset: readonly number[]
  readonly precision: readonly number[]
}

/**
 * Writes the current model of a data set of one column for programs that know neither the models topic nor the
 * registry.
 */
export async function writePeerModel(
  cluster: ClusterSession,
  { dataset, modelsTopic }: { readonly dataset: string; readonly modelsTopic: string },
  file: string,
): Promise<void> {
  writeFileSync(file, JSON.stringify(await peerModel(cluster, dataset, modelsTopic)))
}

async function peerModel(cluster: ClusterSession, dataset: string, modelsTopic: string): Promise<PeerModel> {
  const models = await followModels(cluster, { dataset, modelsTopic })
  try {
    const { version, columns, lineage } = models.current(dataset)
    const rawSchema = await cluster.registry.schemaById(lineage.schemaId)
    if (rawSchema === undefined) throw new Error(`The registry does not know schema ${lineage.schemaId}`)
    const normalizedSchema = deriveNormalizedSchema(rawSchema, columns)
    // A subject of its own: that of a topic would take no other schema.
    const normalizedSchemaId = await cluster.registry.register(`${dataset}.peers-value`, normalizedSchema)
    const [{ weight, mean, std, offset, precision }] = columns
    return { version, rawSchemaId: lineage.schemaId, normalizedSchemaId, weight, mean, std, offset, precision }
  } finally {
    await models.close()
  }
}
