import { isWholeValue } from '../../avro/whole-value.ts'
import { exitCodes, PipelineError } from '../../errors.ts'
import type { SchemaSource } from '../../ports/log.ts'
import { headerText, type OffsetRange, type Source, type StockLog, type StockRow } from '../../ports/stock-log.ts'
import { describeSchemaName, type SchemaName } from '../../rows/schema-name.ts'
import { headerBytes, schemaIdOf, schemaNameOf } from './audited-framing.ts'
import { deadLetterHeaders } from './dead-letter-filter.ts'
import { rowJson } from './row-json.ts'
import { decodeRow, RowTypes } from './row-types.ts'

/** Dead letters with the same cause. */
interface DeadLetterGroup {
  /** as VGM_ROW_MALFORMED; empty if the record has no such header */
  readonly code: string
  readonly stage: string
  readonly sourceTopic: string
  readonly sourcePartition: number
  /** that the value names; undefined if it is not framed, or null, or a whole batch */
  readonly schemaId: SchemaName | undefined
  readonly count: number
  /** where the first and the last one stand in the dead-letters topic, in the partition of the same number */
  readonly firstOffset: number
  readonly lastOffset: number
}

export interface DeadLetterSummary {
  readonly rows: number
  /** the largest first */
  readonly groups: readonly DeadLetterGroup[]
}

/** One dead letter for a person to read. */
export interface DeadLetter {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  /** as text if it is UTF-8, else as hex; null for none */
  readonly key: string | null
  /** what the stage has added, by the names that they have there */
  readonly failure: Readonly<Record<string, string>>
  /** the row's own headers */
  readonly headers: Readonly<Record<string, string>>
  /** undefined for a tombstone */
  readonly valueHex: string | undefined
  readonly schemaId: SchemaName | undefined
  /** the fields as JSON, if the value can be decoded; else why not */
  readonly decoded: { readonly json: string } | { readonly problem: string }
}

/** No committed row stands there: it is a marker, or retention has deleted it, or it is beyond the end. */
export class DeadLetterMissingError extends PipelineError {
  readonly code = 'VGM_DEAD_LETTER_MISSING'
  /** @param to the last one of several offsets */
  constructor(topic: string, partition: number, offset: number, to = offset) {
    const offsets = to > offset ? `offsets ${offset} to ${to}` : `offset ${offset}`
    super(`There is no dead letter at ${offsets} of ${topic}/${partition}`, {
      fix: 'Choose an offset that "vgm dead-letters ls" prints',
      exitCode: exitCodes.usage,
    })
  }
}

/** Counts the dead letters in the given ranges by cause; memory grows with the number of causes only. */
export async function listDeadLetters(
  log: StockLog,
  topic: string,
  ranges: readonly OffsetRange[],
): Promise<DeadLetterSummary> {
  const groups = new Map<string, DeadLetterGroup>()
  let rows = 0
  for (const range of ranges) {
    for await (const row of rowsOf(await log.read(topic, range))) {
      rows++
      const offset = Number(row.offset)
      const cause = causeOf(row)
      const id = JSON.stringify(Object.values(cause))
      const known = groups.get(id)
      const { count = 0, firstOffset = offset } = known ?? {}
      groups.set(id, { ...cause, count: count + 1, firstOffset, lastOffset: offset })
    }
  }
  return { rows, groups: [...groups.values()].sort((a, b) => b.count - a.count) }
}

/**
 * Reads one dead letter.
 *
 * @param schemaById JSON of the schema with this id; undefined if the registry knows none
 * @throws DeadLetterMissingError
 */
export async function showDeadLetter(
  log: StockLog,
  topic: string,
  { partition, offset }: { readonly partition: number; readonly offset: number },
  schemaById: SchemaSource['schemaById'],
): Promise<DeadLetter> {
  const piece = await (await log.read(topic, { partition, start: offset, end: offset + 1 })).next()
  if (piece === undefined) throw new DeadLetterMissingError(topic, partition, offset)
  const [row] = piece
  const names = Object.keys(row.headers ?? {})
  const added: ReadonlySet<string> = new Set(Object.values(deadLetterHeaders))
  const texts = (chosen: readonly string[]) =>
    Object.fromEntries(chosen.map((name) => [name, headerText(row, name) ?? '']))
  return {
    partition,
    offset,
    timestampMs: Number(row.timestamp),
    key: row.key === null ? null : readable(row.key),
    failure: texts(names.filter((name) => added.has(name))),
    headers: texts(names.filter((name) => !added.has(name))),
    valueHex: row.value?.toString('hex'),
    schemaId: schemaOf(row),
    decoded: await decodedOf(row, schemaById),
  }
}

export async function* rowsOf(source: Source<StockRow>): AsyncGenerator<StockRow> {
  for (let piece = await source.next(); piece !== undefined; piece = await source.next()) yield* piece
}

type Cause = Pick<DeadLetterGroup, 'code' | 'stage' | 'sourceTopic' | 'sourcePartition' | 'schemaId'>

function causeOf(row: StockRow): Cause {
  const text = (name: string) => headerText(row, name) ?? ''
  return {
    code: text(deadLetterHeaders.code),
    stage: text(deadLetterHeaders.stage),
    sourceTopic: text(deadLetterHeaders.topic),
    sourcePartition: Number(text(deadLetterHeaders.partition)),
    schemaId: schemaOf(row),
  }
}

/** A record batch begins with zeros, and names no schema. */
export function schemaOf(letter: StockRow): SchemaName | undefined {
  return isBatch(letter) ? undefined : schemaNameOf(letter)
}

export function isBatch(letter: StockRow): boolean {
  return headerText(letter, deadLetterHeaders.lastOffset) !== undefined
}

/** @param types what is known of schemas so far */
export async function decodedOf(
  row: StockRow,
  schemaById: SchemaSource['schemaById'],
  types = new RowTypes(schemaById),
): Promise<DeadLetter['decoded']> {
  const name = schemaNameOf(row)
  if (row.value === null) return { problem: 'The value is null' }
  if (isBatch(row)) return { problem: 'The value is a record batch that cannot be read' }
  if (name === undefined) return { problem: 'The value does not begin with the magic byte 0 and a schema id' }
  const value = (await types.framed(row)).value ?? row.value
  const type = types.get(schemaIdOf(value) ?? Number.NaN)
  if (type === undefined) return { problem: `The registry knows no Avro record: ${describeSchemaName(name)}` }
  const fields = isWholeValue(type.type, value, headerBytes) ? decodeRow(type, value) : undefined
  if (fields === undefined) return { problem: 'The bytes after the schema id are not one record of that schema' }
  return { json: rowJson(fields, type.schema) }
}

export function readable(bytes: Buffer): string {
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? text : `0x${bytes.toString('hex')}`
}
