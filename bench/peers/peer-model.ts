import { writeFileSync } from 'node:fs'
import type { ColumnModel } from '../../src/mixture/column-model.ts'
import { modeTable } from '../../src/mixture/mode-table.ts'
import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import { followModels } from '../../src/pipeline/models-topic.ts'
import { deriveNormalizedSchema } from '../../src/rows/normalized-schema.ts'

/** A modelled column; arrays of shape (K), ordered by mean, as in schemas/model.avsc. */
interface PeerColumn {
  readonly name: string
  readonly weight: readonly number[]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly offset: readonly number[]
  readonly precision: readonly number[]
  /** the first cells of our table of modes */
  readonly table: {
    readonly low: number
    readonly cellsPerUnit: number
    /** shape (cells); 255 where a cell has several modes */
    readonly modes: readonly number[]
  }
}

/** What a peer needs to normalize rows of a data set. */
export interface PeerModel {
  readonly version: number
  /** in the schema registry */
  readonly rawSchemaId: number
  readonly normalizedSchemaId: number
  readonly rawSchema: string
  readonly normalizedSchema: string
  /** in the order of the fields */
  readonly columns: readonly PeerColumn[]
}

/**
 * Writes the current model of a data set for programs that know neither the models topic nor the registry: as JSON to
 * `file`, and for programs that read no JSON as numbers to `file.txt`.
 */
export async function writePeerModel(
  cluster: ClusterSession,
  { dataset, modelsTopic }: { readonly dataset: string; readonly modelsTopic: string },
  file: string,
): Promise<void> {
  const model = await peerModel(cluster, dataset, modelsTopic)
  writeFileSync(file, JSON.stringify(model))
  writeFileSync(`${file}.txt`, numbersOf(model))
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
    const ids = { rawSchemaId: lineage.schemaId, normalizedSchemaId }
    return { version, ...ids, rawSchema, normalizedSchema, columns: columns.map(peerColumn) }
  } finally {
    await models.close()
  }
}

function peerColumn({ name, weight, mean, std, offset, precision }: ColumnModel): PeerColumn {
  const [w, m, s, o, p] = [weight, mean, std, offset, precision].map((numbers) => Float64Array.from(numbers))
  const { low, cellsPerUnit, rootModes } = modeTable({ weight: w, mean: m, std: s, offset: o, precision: p })
  const table = { low: low[0], cellsPerUnit: cellsPerUnit[0], modes: Array.from(rootModes) }
  return { name, weight, mean, std, offset, precision, table }
}

/** Version, ids, columns; of each column modes, table and cells; a line for each mode, one for the cells. */
function numbersOf({ version, rawSchemaId, normalizedSchemaId, columns }: PeerModel): string {
  const lines: (readonly number[])[] = [[version, rawSchemaId, normalizedSchemaId, columns.length]]
  for (const { mean, std, offset, precision, table } of columns) {
    lines.push([mean.length, table.low, table.cellsPerUnit, table.modes.length])
    for (const k of mean.keys()) lines.push([mean[k], std[k], offset[k], precision[k]])
    lines.push(table.modes)
  }
  return lines.map((line) => `${line.join(' ')}\n`).join('')
}
