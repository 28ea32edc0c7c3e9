import { createHash } from 'node:crypto'
import avro from 'avsc'
import { framed, framedSchemaId, framingBytes } from '../avro/framing.ts'
import { isWholeValue } from '../avro/whole-value.ts'
import type { Baseline } from '../mixture/baseline.ts'
import type { ColumnModel, NumericType } from '../mixture/column-model.ts'
import { columnModelProblem } from '../mixture/column-model-problem.ts'
import { verdicts } from '../ports/stage-event.ts'
import { plainSchema } from '../rows/plain-schema.ts'
import { CorruptModelError } from './errors.ts'
import type { Model, ModelAlias, ModelComparison, ModelContent, PartitionRange } from './model.ts'
import { modelAliasSchema, modelSchema } from './model-schemas.ts'

/** Confluent wire format: a zero, then the schema's id in four bytes, big-endian, then the Avro body. */

interface ModelRecord {
  dataset: string
  version: number
  created_at: number
  recipe: string
  options: {
    components: number
    weight_concentration_prior: number
    tolerance: number
    max_iterations: number
    regularization: number | null
    min_weight: number
    join: number | null
  }
  seed: number
  lineage: {
    topic: string
    partitions: RangeRecord[]
    rows_seen: number
    rows_used: number
    schema_id: number
    schema_fingerprint: string
    software_version: string
  }
  content_sha256: string
  columns: ColumnRecord[]
  comparison: ComparisonRecord | null
  unseen_from: { partition: number; offset: number }[] | null
}

interface RangeRecord {
  partition: number
  start_offset: number
  end_offset: number
}

interface MeanRecord {
  mean: number
  lower: number
  upper: number
}

interface ComparisonRecord {
  champion: number
  cause: string
  verdict: string
  reason: string
  topic: string
  partitions: RangeRecord[]
  rows: number
  blocks: number
  gain: MeanRecord
  change: MeanRecord
  least_gain: number
}

interface ColumnRecord {
  name: string
  type: NumericType
  nullable: boolean
  rows: number
  nulls: number
  min: number
  max: number
  decimals: number
  round_to: number | null
  weight: readonly number[]
  mean: readonly number[]
  std: readonly number[]
  offset: readonly number[]
  precision: readonly number[]
  lower_bound: number
  iterations: number
  converged: boolean
  histogram: { edges: readonly number[]; counts: readonly number[] }
  baseline: Baseline | null
}

interface AliasRecord {
  dataset: string
  version: number
  highest_version: number
  previous_version: number
  changed_at: number
}

const modelType = avro.Type.forSchema(JSON.parse(modelSchema))
const aliasType = avro.Type.forSchema(JSON.parse(modelAliasSchema))

/** The model's bytes in Confluent framing; `schemaId` is that of schemas/model.avsc in the registry. */
export function encodeModel(model: Model, schemaId: number): Uint8Array {
  return framed(schemaId, modelType.toBuffer(toModelRecord(model)))
}

export function encodeModelAlias(alias: ModelAlias, schemaId: number): Uint8Array {
  const { dataset, version, highestVersion, previousVersion, changedAtMs } = alias
  const record: AliasRecord = {
    dataset,
    version,
    highest_version: highestVersion,
    previous_version: previousVersion,
    changed_at: changedAtMs,
  }
  return framed(schemaId, aliasType.toBuffer(record))
}

/**
 * @param value        in Confluent framing
 * @param writerSchema JSON of the schema that the framing names, if it may not be ours: an older or newer version's
 * @throws CorruptModelError, also if the content does not match its hash
 */
export function decodeModel(value: Uint8Array, writerSchema?: string): Model {
  const model = fromModelRecord(decode(modelType, value, writerSchema) as ModelRecord)
  // A newer writer may hash fields that we do not know.
  const isOurs = writerSchema === undefined || writerOf(modelType, writerSchema).resolver === undefined
  if (isOurs && contentHash(model) !== model.contentSha256) {
    throw new CorruptModelError(`The content of model ${model.dataset}/${model.version} does not match its hash`)
  }
  return model
}

/** @throws CorruptModelError */
export function decodeModelAlias(value: Uint8Array, writerSchema?: string): ModelAlias {
  const record = decode(aliasType, value, writerSchema) as AliasRecord
  const { dataset, version, highest_version: highestVersion, changed_at: changedAtMs } = record
  return { dataset, version, highestVersion, previousVersion: record.previous_version, changedAtMs }
}

/**
 * SHA-256 of what a fit decided, hex. The canonical form is the Avro encoding of schemas/model.avsc, which is unique
 * for a value, with version and time 0, no hash and no notes: any language that reads the model can check it.
 */
export function contentHash(content: ModelContent): string {
  const record = toModelRecord({ ...content, version: 0, createdAtMs: 0, contentSha256: '' })
  const bare = { ...record, comparison: null, unseen_from: null }
  return createHash('sha256').update(modelType.toBuffer(bare)).digest('hex')
}

/**
 * Why something cannot be the content of a model, whatever its type says, as a clause; undefined if it can. The columns
 * have a judge of their own.
 */
export function modelRecordProblem(content: ModelContent): string | undefined {
  const { recipe, options, lineage } = content
  if (recipe !== 'scaled' && recipe !== 'sklearn') return `its recipe is ${JSON.stringify(recipe)}`
  for (const [name, part] of Object.entries({ options, lineage }))
    if (typeof part !== 'object' || part === null) return `its ${name} are no object`
  if (!Array.isArray(lineage.partitions)) return 'lineage.partitions is no list'
  const wrong = lineage.partitions.findIndex((range) => typeof range !== 'object' || range === null)
  if (wrong >= 0) return `lineage.partitions[${wrong}] is no object`
  const record = toModelRecord({ ...content, version: 0, createdAtMs: 0, contentSha256: '' })
  let problem: string | undefined
  modelType.isValid(record, {
    errorHook: (path, value, type) => {
      const name = path.join('.').replaceAll(/_[a-z]/g, ([, letter]) => letter.toUpperCase())
      problem ??= value === undefined ? `${name} is missing` : `${name} is ${JSON.stringify(value)}, and no ${type}`
    },
  })
  return problem
}

/** SHA-256 of a schema's parsing canonical form, hex, as the Avro specification defines it for any language. */
export function schemaFingerprint(schema: string): string {
  return avro.Type.forSchema(plainSchema(schema) as avro.Schema)
    .fingerprint('sha256')
    .toString('hex')
}

function decode(type: avro.Type, value: Uint8Array, writerSchema: string | undefined): unknown {
  if (framedSchemaId(value) === undefined) {
    throw new CorruptModelError('The record does not begin with the magic byte 0 and a schema id')
  }
  try {
    const { writer, resolver }: Writer =
      writerSchema === undefined ? { writer: type, resolver: undefined } : writerOf(type, writerSchema)
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    // avsc goes by counts that cannot be right, and looks for the end of its bytes when it is done.
    if (!isWholeValue(writer, bytes, framingBytes)) throw new RangeError('its bytes are not one record of its schema')
    return type.fromBuffer(bytes.subarray(framingBytes), resolver)
  } catch (cause) {
    throw new CorruptModelError(`The record is not a ${type.name}: ${(cause as Error).message}`, cause)
  }
}

/** What a record was written with. */
interface Writer {
  readonly writer: avro.Type
  /** reads its bytes as the type that we know; undefined where both are the same */
  readonly resolver: ReturnType<avro.Type['createResolver']> | undefined
}

const writers = new Map<string, Writer>()

function writerOf(type: avro.Type, schema: string): Writer {
  const key = `${type.name} ${schema}`
  let known = writers.get(key)
  if (known === undefined) {
    const writer = avro.Type.forSchema(JSON.parse(schema))
    const isSame = writer.fingerprint('sha256').equals(type.fingerprint('sha256'))
    known = { writer, resolver: isSame ? undefined : type.createResolver(writer) }
    writers.set(key, known)
  }
  return known
}

function toModelRecord(model: Model): ModelRecord {
  const { options, lineage } = model
  return {
    dataset: model.dataset,
    version: model.version,
    created_at: model.createdAtMs,
    recipe: model.recipe,
    options: {
      components: options.components,
      weight_concentration_prior: options.weightConcentrationPrior,
      tolerance: options.tolerance,
      max_iterations: options.maxIterations,
      regularization: options.regularization ?? null,
      min_weight: options.minWeight,
      join: options.join ?? null,
    },
    seed: model.seed,
    lineage: {
      topic: lineage.topic,
      partitions: lineage.partitions.map(toRangeRecord),
      rows_seen: lineage.rowsSeen,
      rows_used: lineage.rowsUsed,
      schema_id: lineage.schemaId,
      schema_fingerprint: lineage.schemaFingerprint,
      software_version: lineage.softwareVersion,
    },
    content_sha256: model.contentSha256,
    columns: model.columns.map(toColumnRecord),
    comparison: model.comparison === undefined ? null : toComparisonRecord(model.comparison),
    unseen_from: model.unseenFrom?.map(({ partition, offset }) => ({ partition, offset })) ?? null,
  }
}

function toRangeRecord({ partition, startOffset, endOffset }: PartitionRange): RangeRecord {
  return { partition, start_offset: startOffset, end_offset: endOffset }
}

function fromRangeRecord(range: RangeRecord): PartitionRange {
  return { partition: range.partition, startOffset: range.start_offset, endOffset: range.end_offset }
}

const fromMeanRecord = ({ mean, lower, upper }: MeanRecord) => ({ mean, lower, upper })

function toComparisonRecord({ leastGain, partitions, ...comparison }: ModelComparison): ComparisonRecord {
  return { ...comparison, partitions: partitions.map(toRangeRecord), least_gain: leastGain }
}

function fromComparisonRecord(record: ComparisonRecord): ModelComparison {
  return {
    champion: record.champion,
    cause: record.cause === 'drift' ? 'drift' : 'interval',
    // Of a later writer's verdict this much is sure: readers go on.
    verdict: verdicts.find((known) => known === record.verdict) ?? 'undecided',
    reason: record.reason,
    topic: record.topic,
    partitions: record.partitions.map(fromRangeRecord),
    rows: record.rows,
    blocks: record.blocks,
    gain: fromMeanRecord(record.gain),
    change: fromMeanRecord(record.change),
    leastGain: record.least_gain,
  }
}

function fromModelRecord(record: ModelRecord): Model {
  const { options, lineage } = record
  if (record.recipe !== 'scaled' && record.recipe !== 'sklearn') {
    throw new CorruptModelError(`Model ${record.dataset}/${record.version} has the unknown recipe "${record.recipe}"`)
  }
  return {
    dataset: record.dataset,
    version: record.version,
    createdAtMs: record.created_at,
    recipe: record.recipe,
    options: {
      components: options.components,
      weightConcentrationPrior: options.weight_concentration_prior,
      tolerance: options.tolerance,
      maxIterations: options.max_iterations,
      ...(options.regularization !== null && { regularization: options.regularization }),
      minWeight: options.min_weight,
      ...(options.join !== null && { join: options.join }),
    },
    seed: record.seed,
    lineage: {
      topic: lineage.topic,
      partitions: lineage.partitions.map(fromRangeRecord),
      rowsSeen: lineage.rows_seen,
      rowsUsed: lineage.rows_used,
      schemaId: lineage.schema_id,
      schemaFingerprint: lineage.schema_fingerprint,
      softwareVersion: lineage.software_version,
    },
    contentSha256: record.content_sha256,
    columns: record.columns.map(fromColumnRecord),
    ...(record.comparison !== null && { comparison: fromComparisonRecord(record.comparison) }),
    ...(record.unseen_from !== null && {
      unseenFrom: record.unseen_from.map(({ partition, offset }) => ({ partition, offset })),
    }),
  }
}

function toColumnRecord({ lowerBound, roundTo, baseline, ...column }: ColumnModel): ColumnRecord {
  return { ...column, baseline: baseline ?? null, round_to: roundTo ?? null, lower_bound: lowerBound }
}

function fromColumnRecord(record: ColumnRecord): ColumnModel {
  const { round_to: roundTo, baseline } = record
  // Named one by one: avsc's records have a prototype of their own, which strict comparisons and structuredClone mind.
  const column: ColumnModel = {
    name: record.name,
    type: record.type,
    nullable: record.nullable,
    rows: record.rows,
    nulls: record.nulls,
    min: record.min,
    max: record.max,
    decimals: record.decimals,
    ...(roundTo !== null && { roundTo }),
    weight: record.weight,
    mean: record.mean,
    std: record.std,
    offset: record.offset,
    precision: record.precision,
    lowerBound: record.lower_bound,
    iterations: record.iterations,
    converged: record.converged,
    histogram: { edges: record.histogram.edges, counts: record.histogram.counts },
    ...(baseline !== null && {
      baseline: { edges: baseline.edges, counts: baseline.counts, means: baseline.means },
    }),
  }
  const problem = columnModelProblem(column)
  if (problem !== undefined) throw new CorruptModelError(`Column "${record.name}" is no model of one: ${problem}`)
  return column
}
