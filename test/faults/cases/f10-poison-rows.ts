import avro from 'avsc'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { encodeHeaders } from '../../../src/batch/record-headers.ts'
import { valueSubject } from '../../../src/config/names.ts'
import { deriveNormalizedSchema } from '../../../src/rows/normalized-schema.ts'
import { rowErrorCodes, rowErrorMessages, rowErrors } from '../../../src/rows/row-error.ts'
import { alterSettings } from '../alter-settings.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultContext, Worker } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { type Fate, framed, type MadeRow, type OddSchemas, oddSchemas, poisonKinds, shortened } from '../poison-rows.ts'
import { partitionRows, rowDifference, type TopicRow } from '../topic-rows.ts'

interface Size {
  readonly rows: number
  /** of the largest rows, which are as large as the raw topic takes */
  readonly bigBytes: number
}

/** A row that has been written and that may be no ordinary one. */
interface SentRow extends Pick<TopicRow, 'key' | 'value' | 'headers'> {
  /** its place among the rows of its partition */
  readonly place: number
  readonly kind: string
  readonly fate: Fate
}

interface Base {
  readonly id: number
  readonly schema: string
  readonly type: avro.Type
}

const partitions = 4
const jsonSchema = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' }
const rowsPerPoison = 100
const batchRows = 1_000
/** of what a small compressed batch becomes, of the topic's largest */
const inflation = 3

/**
 * A hundredth of the rows is bad in every way that there is, and some are so large that no other one fits beside them.
 * Each bad row must stand among the dead letters with its bytes, key and headers, and say where it came from and why;
 * all others go through.
 */
export default faultCase<Size>({
  id: 'F10',
  title: 'a hundredth of the rows poisoned, in every way',
  nodes: 1,
  full: { rows: 1_000_000, bigBytes: 10_000_000 },
  short: { rows: 8_000, bigBytes: 1_200_000 },
  async run(context, { rows, bigBytes }) {
    const dataset = await context.dataset(partitions)
    const { raw, normalized, deadLetters } = dataset.topics
    await alterSettings(context.cluster, { topic: raw }, { 'max.message.bytes': bigBytes })
    const base = await baseOf(context, raw)
    const odd = await registerOdd(context, dataset)
    const noAvroId = await register(context, `${dataset.name}.json`, 'JSON', jsonSchema)
    const kinds = poisonKinds(base, odd, noAvroId, context.random)

    const worker = context.worker(dataset)
    const sent = Array.from({ length: partitions }, (): SentRow[] => [])
    for (const [partition, list] of sent.entries()) {
      await writeRows(context, dataset, partition, list, { base, kinds, count: rows / partitions })
      await writeBigRows(context, dataset, partition, list, { odd, bigBytes, place: rows / partitions })
    }
    await whileAlive(worker, context.untilDone(dataset))
    const restorer = context.worker(dataset, { stage: 'restore' })
    await whileAlive(restorer, context.untilDone(dataset, 'restore'))
    const audit = await context.finalAudit(dataset)

    const letters = (partition: number, from = 0) => partitionRows(context.open, deadLetters, partition, from)
    let dead = 0
    const ends: number[] = []
    for (const [partition, list] of sent.entries()) {
      const origin = { stage: 'normalize', topic: raw, partition, model: '1' }
      const rows = partitionRows(context.open, raw, partition)
      dead += await compareLetters(rows, list, letters(partition), origin)
      ends.push(await context.open.admin.offsets.highWatermark(deadLetters, partition))
    }
    if (dead !== audit.deadLetters) throw new Error(`${dead} dead letters, of which the audit saw ${audit.deadLetters}`)

    const before = await context.open.admin.offsets.highWatermark(normalized, 0)
    const strange = await writeStrangeNormalized(context, dataset, base, odd)
    const again = context.worker(dataset, { stage: 'restore' })
    await whileAlive(again, context.untilDone(dataset, 'restore'))
    await context.drain([again])
    const restoreDead = await compareLetters(
      partitionRows(context.open, normalized, 0, before),
      strange,
      letters(0, ends[0]),
      { stage: 'restore', topic: normalized, partition: 0, model: undefined },
    )
    const largest = `${bigBytes.toLocaleString('en')} bytes`
    const notes = `${kinds.size} kinds; ${restoreDead} more of restore; rows up to ${largest}`
    return { faults: dead + restoreDead, recoveriesMs: [], audit, notes }
  },
})

/** No row may end a worker. */
async function whileAlive(worker: Worker, work: Promise<void>): Promise<void> {
  const ended = worker.ended.then(({ code, err }) => {
    throw new Error(`Worker ${worker.pid} ended with ${code}: ${err}`)
  })
  await Promise.race([work, ended])
}

async function baseOf({ open }: FaultContext, topic: string): Promise<Base> {
  const { id, schema } = (await open.registry.latest(valueSubject(topic)))!
  return { id, schema, type: avro.Type.forSchema(JSON.parse(schema)) }
}

async function registerOdd(context: FaultContext, { name, topics }: FaultDataset): Promise<OddSchemas> {
  const made: Record<string, OddSchemas[string]> = {}
  for (const [odd, json] of Object.entries(oddSchemas)) {
    // The worst one becomes the topic's newest schema, which a start looks at.
    const subject = odd === 'tooDeep' ? valueSubject(topics.raw) : `${name}.${odd}-value`
    const id = await register(context, subject, 'AVRO', json)
    made[odd] = { id, type: odd === 'tooDeep' ? undefined : avro.Type.forSchema(json as avro.Schema) }
  }
  return made
}

/** The client that stages use refuses schemas without a name, and those that are not Avro's. */
async function register({ open }: FaultContext, subject: string, schemaType: 'AVRO' | 'JSON', schema: unknown) {
  const response = await fetch(`${open.address.registry}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schemaType, schema: JSON.stringify(schema) }),
  })
  if (!response.ok) throw new Error(`The registry does not take the schema of ${subject}: ${await response.text()}`)
  return ((await response.json()) as { id: number }).id
}

async function writeRows(
  context: FaultContext,
  { topics, name }: FaultDataset,
  partition: number,
  sent: SentRow[],
  rows: { readonly base: Base; readonly kinds: ReadonlyMap<string, () => MadeRow>; readonly count: number },
): Promise<void> {
  const { base, kinds, count } = rows
  const makers = [...kinds]
  const writer = await context.open.rows.openWriter(`${name}.poison`, 'none')
  const batch = new RecordBatchWriter()
  await writer.begin([{ topic: topics.raw, partition }])
  for (let place = 0; place < count; place++) {
    // Partitions begin elsewhere, so that even few rows have all kinds.
    const [kind, make] = makers[(sent.length + 9 * partition) % makers.length]
    const isPoison = place % rowsPerPoison === partition
    const made = isPoison ? make() : goodRow(base, place)
    const key = place % 2 === 0 ? null : Buffer.from(`row ${place}`)
    const headers = isPoison ? someHeaders(sent.length) : []
    if (isPoison) sent.push({ place, kind, fate: made.fate, key, value: made.value, headers })
    const isIn = batch.append(Date.now(), key, made.value, encodeHeaders(headers))
    if (!isIn || batch.recordCount === batchRows) await writer.produce(topics.raw, partition, batch)
    if (!isIn) batch.append(Date.now(), key, made.value, encodeHeaders(headers))
  }
  if (batch.recordCount > 0) await writer.produce(topics.raw, partition, batch)
  await writer.commit()
  await writer.close()
}

function goodRow({ id, type }: Base, place: number): MadeRow {
  const fields = { amount: (place % 997) / 7, count: place % 5 === 0 ? null : place % 83, wait: place % 11 }
  return { value: framed(id, type.toBuffer(fields)), fate: rowErrors.none }
}

/**
 * Headers that a copy could lose: none, repeated names, a null, and those of a dead letter that somebody has sent
 * again.
 */
function someHeaders(turn: number): SentRow['headers'] {
  const choices: SentRow['headers'][] = [
    [],
    [['site', Buffer.from('north')]],
    [
      ['a', Buffer.from('1')],
      ['b', null],
      ['a', Buffer.from('2')],
      ['', Buffer.alloc(0)],
    ],
    [
      ['vgm.error.code', Buffer.from('VGM_ROW_FRAMING')],
      ['vgm.stage', Buffer.from('restore')],
      ['vgm.source.topic', Buffer.from('elsewhere')],
      ['vgm.source.partition', Buffer.from('9')],
      ['vgm.source.offset', Buffer.from('1')],
    ],
  ]
  return choices[turn % choices.length]
}

/** Rows as large as the topic takes, and small batches that become much larger, each good once and bad once. */
async function writeBigRows(
  { open }: FaultContext,
  { topics, name }: FaultDataset,
  partition: number,
  sent: SentRow[],
  { odd, bigBytes, place }: { readonly odd: OddSchemas; readonly bigBytes: number; readonly place: number },
): Promise<void> {
  const { id, type } = odd.rich
  const value = (blobBytes: number) =>
    framed(
      id,
      type!.toBuffer({
        ...{ id: 'large', amount: 7, count: 40, wait: 1, tags: [], attributes: {} },
        ...{ kind: 'A', flag: false, blob: Buffer.alloc(blobBytes, 'x'), inner: { any: null } },
      }),
    )
  let next = place
  for (const compression of ['none', 'zstd'] as const) {
    const bytes = compression === 'none' ? largestFor(value, bigBytes) : inflation * bigBytes
    const whole = value(bytes)
    const writer = await open.rows.openWriter(`${name}.big`, compression)
    await writer.begin([{ topic: topics.raw, partition }])
    for (const [row, fate] of [
      [whole, rowErrors.none],
      [Buffer.concat([value(bytes - 1), Buffer.alloc(1)]), rowErrors.trailingBytes],
    ] as const) {
      const batch = new RecordBatchWriter(2 * row.length)
      batch.append(Date.now(), null, row)
      await writer.produce(topics.raw, partition, batch)
      sent.push({ place: next++, kind: `${compression} ${row.length}`, fate, key: null, value: row, headers: [] })
    }
    await writer.commit()
    await writer.close()
  }
}

/** The size of the blob with which a batch of the row alone has `batchBytes`. */
function largestFor(value: (blobBytes: number) => Buffer, batchBytes: number): number {
  let blobBytes = batchBytes - 1_000
  for (;;) {
    const batch = new RecordBatchWriter(2 * batchBytes)
    batch.append(Date.now(), null, value(blobBytes))
    if (batch.sizeBytes === batchBytes) return blobBytes
    blobBytes += batchBytes - batch.sizeBytes
  }
}

interface Origin {
  readonly stage: string
  readonly topic: string
  readonly partition: number
  /** version of the model in use; undefined where the stage has none */
  readonly model: string | undefined
}

/**
 * Walks over the rows of a partition, those of them that may be dead, and its dead letters.
 *
 * @returns the number of dead letters
 * @throws Error if one is missing, too many, or not the row with its reason
 */
async function compareLetters(
  rows: AsyncIterable<TopicRow>,
  sent: readonly SentRow[],
  letters: AsyncIterator<TopicRow>,
  { stage, topic, partition, model }: Origin,
): Promise<number> {
  let [place, at, dead] = [0, 0, 0]
  let letter = (await letters.next()).value as TopicRow | undefined
  for await (const row of rows) {
    const made = sent[at]
    if (made?.place !== place++) continue
    at++
    const where = `${topic}/${partition} offset ${row.offset} (${made.kind})`
    const changed = rowDifference(row, made)
    if (changed !== undefined) throw new Error(`${where} is not what was written: ${changed}`)
    const own = letter?.headers.length ?? 0
    const offset = new Map(letter?.headers.slice(made.headers.length, own)).get('vgm.source.offset')?.toString()
    const isDead = offset === String(row.offset)
    if (made.fate !== 'either' && isDead !== (made.fate !== rowErrors.none))
      throw new Error(`${where} should ${isDead ? 'not ' : ''}be a dead letter; the next one is of offset ${offset}`)
    if (!isDead) continue
    const code = new Map(letter!.headers.slice(made.headers.length)).get('vgm.error.code')?.toString() ?? ''
    const error = made.fate === 'either' ? rowErrorCodes.indexOf(code) : made.fate
    const texts = {
      'vgm.error.code': rowErrorCodes[error],
      'vgm.error.message': rowErrorMessages[error],
      'vgm.stage': stage,
      'vgm.source.topic': topic,
      'vgm.source.partition': String(partition),
      'vgm.source.offset': String(row.offset),
      ...(model !== undefined && { 'vgm.model.version': model }),
    }
    const added = Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)] as const)
    const wrong = rowDifference(letter!, { ...made, headers: [...made.headers, ...added] })
    if (wrong !== undefined || error < 1)
      throw new Error(
        `The dead letter of ${where} has not ${wrong ?? 'a code'}: ` +
          `${letter!.headers.map(([name, value]) => `${name}=${value}`)}`,
      )
    if (letter!.timestampMs !== row.timestampMs) throw new Error(`The dead letter of ${where} has another time`)
    dead++
    letter = (await letters.next()).value as TopicRow | undefined
  }
  if (at < sent.length) throw new Error(`${topic}/${partition} lacks rows that were written`)
  if (letter !== undefined) throw new Error(`${topic}/${partition} has a dead letter too many at ${letter.offset}`)
  return dead
}

/** Rows that no normalizer writes, among some that one does. */
async function writeStrangeNormalized(
  { open }: FaultContext,
  { topics, name }: FaultDataset,
  base: Base,
  { tooDeep }: OddSchemas,
): Promise<SentRow[]> {
  const columns = ['amount', 'count', 'wait'].map((column) => ({ name: column }))
  const schema = deriveNormalizedSchema(base.schema, columns)
  const id = await open.registry.register(valueSubject(topics.normalized), schema)
  const type = avro.Type.forSchema(JSON.parse(schema))
  const good = { value: 0.25, mode: 0 }
  const row = (fields: object = {}) =>
    framed(id, type.toBuffer({ model_version: 1, amount: good, count: null, wait: good, ...fields }))
  const rows: readonly (readonly [string, Buffer | null, Fate])[] = [
    ['good', row(), rowErrors.none],
    ['tombstone', null, rowErrors.none],
    ['a mode that is none', row({ amount: { value: 0, mode: 99 } }), rowErrors.badMode],
    ['a negative mode', row({ wait: { value: 0, mode: -1 } }), rowErrors.badMode],
    ['NaN', row({ amount: { value: NaN, mode: 0 } }), rowErrors.notFinite],
    ['too large', row({ amount: { value: 1e308, mode: 0 } }), rowErrors.notFinite],
    ['beyond an int', row({ count: { value: 1e9, mode: 0 } }), rowErrors.beyondExact],
    ['a raw row', framed(base.id, base.type.toBuffer({ amount: 1, count: 1, wait: 1 })), rowErrors.schemaMismatch],
    ['nested too deep', framed(tooDeep.id, Buffer.alloc(20)), rowErrors.schemaMismatch],
    ['unknown id', framed(2 ** 31 - 1, Buffer.alloc(20)), rowErrors.unknownSchema],
    ['bad magic', Buffer.from('no Avro'), rowErrors.badFraming],
    ['truncated', shortened(row(), 3), rowErrors.malformed],
    ['a byte too many', Buffer.concat([row(), Buffer.alloc(1)]), rowErrors.trailingBytes],
    ['good again', row(), rowErrors.none],
  ]
  const writer = await open.rows.openWriter(`${name}.strange`, 'none')
  const batch = new RecordBatchWriter()
  await writer.begin([{ topic: topics.normalized, partition: 0 }])
  const sent = rows.map(([kind, value, fate], place): SentRow => {
    const key = Buffer.from(kind)
    batch.append(Date.now(), key, value)
    return { place, kind, fate, key, value, headers: [] }
  })
  await writer.produce(topics.normalized, 0, batch)
  await writer.commit()
  await writer.close()
  return sent
}
