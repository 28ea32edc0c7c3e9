import avro from 'avsc'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { type ColumnModel, columnModel } from '../../../src/mixture/column-model.ts'
import { fitMixture } from '../../../src/mixture/fit-mixture.ts'
import { Normalizer } from '../../../src/mixture/normalizer.ts'
import type { Model } from '../../../src/model/model.ts'
import { deriveNormalizedSchema } from '../../../src/rows/normalized-schema.ts'
import { type ExportMatrixOptions, exportMatrix } from '../../../src/stages/matrix/export-matrix.ts'
import { MemoryLog } from '../../files/memory-log.ts'
import { exampleContent } from '../../model/example-model.ts'
import { randomFrom } from '../../seeded-random.ts'

export type RawRow = Readonly<Record<string, unknown>>

export type RawField = Readonly<Record<string, unknown>> & { readonly name: string; readonly type: unknown }

/** Columns of all kinds. */
export const exampleFields: RawField[] = [
  { name: 'x', type: 'double' },
  { name: 'city', type: ['null', 'string'] },
  { name: 'age', type: ['null', 'int'] },
  { name: 'same', type: 'long' },
  { name: 'member', type: 'boolean' },
  { name: 'size', type: { type: 'enum', name: 'Size', symbols: ['S', 'M', 'L'] } },
  { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
  { name: 'code', type: 'int' },
  { name: 'tags', type: { type: 'array', items: 'string' } },
]
export const modelled = ['x', 'age', 'same']
/** Those that a matrix has. */
export const inMatrix = exampleFields.filter(({ name }) => !['at', 'code', 'tags'].includes(name))

export function exampleRows(count: number, seed = 1): RawRow[] {
  const random = randomFrom(seed)
  return Array.from({ length: count }, (_, i) => ({
    x: random() < 0.5 ? random() : 100 + 20 * random(),
    city: i % 11 === 5 ? null : `city "${Math.floor(9 * random())}", é`,
    age: i % 7 === 3 ? null : Math.floor(90 * random()),
    same: 42,
    member: random() < 0.3,
    size: ['L', 'S', 'M'][Math.floor(3 * random())],
    at: i,
    code: i % 4,
    tags: ['a', 'b'].slice(i % 3),
  }))
}

/** The model of some columns of rows; a column without values has one mode. */
export function modelOf(
  rows: readonly RawRow[],
  fields: readonly RawField[],
  modelled: readonly string[],
  version = 3,
): Model {
  const columns = modelled.map((name): ColumnModel => {
    const values = rows.map((row) => row[name]).filter((value) => typeof value === 'number')
    const field = fields.find((one) => one.name === name) as RawField
    const type = [field.type].flat().find((one) => one !== 'null') as ColumnModel['type']
    const mixture = fitMixture(Float64Array.from(values.length > 0 ? values : [0, 1]), { components: 5 })
    return columnModel(mixture, { name, type, nullable: Array.isArray(field.type) })
  })
  return { ...exampleContent(), columns, version, createdAtMs: 0, contentSha256: String(version).repeat(64) }
}

/** Rows of one schema as normalize writes them: the schema, and the rows' values. */
export function normalizedRows(rows: readonly (RawRow | null)[], fields: readonly RawField[], model: Model) {
  const raw = JSON.stringify({ type: 'record', name: 'Row', namespace: 'test', fields })
  const schema = deriveNormalizedSchema(
    raw,
    model.columns.filter(({ name }) => fields.some((field) => field.name === name)),
    { model: { version: model.version, content: model.contentSha256 } },
  )
  const type = avro.Type.forSchema(JSON.parse(schema), { wrapUnions: 'never' } as never)
  const normalizers = new Map(model.columns.map((column) => [column.name, new Normalizer(column)]))
  const values = rows.map((row) => {
    if (row === null) return null
    const fields = Object.entries(row).map(([name, value]) => {
      const normalizer = normalizers.get(name)
      return [name, normalizer === undefined || value === null ? value : modeValue(normalizer, value as number)]
    })
    return type.toBuffer({ model_version: model.version, ...Object.fromEntries(fields) })
  })
  return { schema, values }
}

export function modeValue(normalizer: Normalizer, x: number): { value: number; mode: number } {
  const value = new Float64Array(1)
  const mode = new Uint8Array(1)
  normalizer.normalize(Float64Array.of(x), value, mode)
  return { value: value[0], mode: mode[0] }
}

/** A topic of normalized rows: partitions of rows, each with the id of its schema. */
export async function topicOf(
  partitions: readonly (readonly { readonly id: number; readonly values: readonly (Buffer | null)[] }[])[],
): Promise<MemoryLog> {
  const log = new MemoryLog()
  const batch = new RecordBatchWriter()
  await log.begin()
  for (const [partition, groups] of partitions.entries())
    for (const { id, values } of groups)
      for (const [i, value] of values.entries()) {
        batch.append(1, null, value === null ? null : Buffer.concat([Buffer.from([0, 0, 0, 0, id]), value]))
        if (batch.recordCount === 700 || i === values.length - 1) await log.produce('t', partition, batch)
      }
  await log.commit()
  return log
}

export const noChoice = { categories: new Set<string>(), leaveOut: new Set<string>() }

/** Exports what a log holds. */
export function exported(
  log: MemoryLog,
  schemas: Readonly<Record<number, string>>,
  models: readonly Model[],
  folder: string,
  more: Partial<ExportMatrixOptions> = {},
) {
  return exportMatrix({
    reader: log,
    ranges: [0, 1].map((partition) => ({ topic: 't', partition, offset: 0, endOffset: log.end(partition) })),
    schemas: { schemaById: async (id) => schemas[Number(id)] },
    dataset: 'rows',
    topic: 't',
    modelVersion: async (version) => {
      const found = models.find((model) => model.version === version)
      if (found === undefined) throw new Error(`There is no version ${version}`)
      return found
    },
    as: 'ctgan',
    file: `${folder}/matrix.npy`,
    spansFile: `${folder}/spans.json`,
    format: 'npy',
    overwrite: false,
    version: undefined,
    choice: noChoice,
    rareBelow: 1,
    clip: 0.99,
    distribution: 'normal',
    bins: 48,
    encoding: 'one-hot',
    skipsUnreadable: false,
    signal: new AbortController().signal,
    ...more,
  })
}
