import { framedSchemaId } from '../avro/framing.ts'
import { MalformedBatchError, readPieces } from '../batch/read-records.ts'
import { createRecords } from '../batch/records.ts'
import type { FetchedPartition, LogReader } from '../ports/log.ts'
import { ModelsUnreadableError } from './errors.ts'
import { emptyCatalogue, type ModelCatalogue, type ModelTopicRecord, withRecord } from './model-catalogue.ts'

/** The models topic has one partition: the order of all publications. */
export const modelsPartition = 0

/** What reading the models topic needs. */
export interface ModelsSource {
  readonly topic: string
  /** positioned by `readModels`; nothing else may use it */
  readonly reader: LogReader
  /** the offset after the last record, of open transactions too */
  readonly highWatermark: (topic: string, partition: number) => Promise<number>
  /**
   * which topic of this name it is: one that is made again has another; undefined if there is none, or if it cannot be
   * learnt now
   */
  readonly topicId?: () => Promise<string | undefined>
  /** JSON of the schema with this id; undefined if the registry knows none */
  readonly schemaById: (id: number) => Promise<string | undefined>
  /** how long an open transaction may hold the end back, default 60,000 ms; ours time out after 10,000 */
  readonly patienceMs?: number
}

/** The catalogue, and the schemas that its records were written with so far. */
export interface ModelsRead {
  readonly catalogue: ModelCatalogue
  readonly writerSchemas: ReadonlyMap<number, string>
}

export const nothingRead: ModelsRead = { catalogue: emptyCatalogue, writerSchemas: new Map() }

const pollMs = 100
const defaultPatienceMs = 60_000

/**
 * Reads the models topic from its start to its end.
 *
 * The end is the high watermark of now, and it is reached when the reader's position passes it: the last record may be
 * a transaction marker, which is never polled.
 *
 * @throws ModelsUnreadableError if an open transaction holds the end back for too long
 */
export async function readModels(source: ModelsSource): Promise<ModelCatalogue> {
  source.reader.assign([{ topic: source.topic, partition: modelsPartition, offset: 0 }])
  return (await readModelsOn(source, nothingRead)).catalogue
}

/** Reads on from where the reader stands to the end of now. @throws ModelsUnreadableError */
export async function readModelsOn(source: ModelsSource, before: ModelsRead): Promise<ModelsRead> {
  const { topic, reader, patienceMs = defaultPatienceMs } = source
  const end = await source.highWatermark(topic, modelsPartition)
  let read = before
  let deadline = Date.now() + patienceMs
  while (reader.position(topic, modelsPartition) < end) {
    const fetched = await reader.poll(pollMs)
    if (fetched.length > 0) deadline = Date.now() + patienceMs
    else if (Date.now() > deadline) {
      throw new ModelsUnreadableError(topic, reader.position(topic, modelsPartition), end, patienceMs)
    }
    read = await withFetched(source, read, fetched)
  }
  return read
}

/** What is known after these records too; asks the registry for schemas that were not met before. */
export async function withFetched(
  source: Pick<ModelsSource, 'schemaById'>,
  before: ModelsRead,
  fetched: readonly FetchedPartition[],
): Promise<ModelsRead> {
  let { catalogue, writerSchemas } = before
  for (const record of fetched.flatMap(recordsOf)) {
    const id = record.value === null ? undefined : framedSchemaId(record.value)
    if (id !== undefined && !writerSchemas.has(id)) {
      const schema = await source.schemaById(id)
      // Unknown to the registry: the record is tried with our own schema, and is a finding if that fails.
      if (schema !== undefined) writerSchemas = new Map(writerSchemas).set(id, schema)
    }
    catalogue = withRecord(catalogue, record, writerSchemas)
  }
  return { catalogue, writerSchemas }
}

/** A batch that cannot be read counts as a record of no data set, which becomes a finding. */
function recordsOf({ bytes, view, batches, fromOffset, toOffset }: FetchedPartition): ModelTopicRecord[] {
  const found: ModelTopicRecord[] = []
  const records = createRecords(16)
  for (const header of batches)
    try {
      for (const _ of readPieces(bytes, view, header, records))
        for (let i = 0; i < records.count; i++) {
          const offset = records.baseOffset + records.offsetDelta[i]
          if (offset < fromOffset || offset >= toOffset) continue
          const { keyStart, keyEnd, valueStart, valueEnd } = records
          found.push({
            offset,
            key: keyStart[i] < 0 ? null : records.bytes.slice(keyStart[i], keyEnd[i]),
            value: valueStart[i] < 0 ? null : records.bytes.slice(valueStart[i], valueEnd[i]),
          })
        }
    } catch (error) {
      if (!(error instanceof MalformedBatchError)) throw error
      found.push({ offset: header.baseOffset, key: null, value: null })
    }
  return found
}
