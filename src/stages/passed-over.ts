import { countText } from '../count-text.ts'
import { PipelineError } from '../errors.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { planColumns } from '../rows/planned-columns.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import type { RowLook } from '../rows/row-look.ts'
import { describeSchemaName, type RowSchemaName } from '../rows/schema-name.ts'
import { isEnvelope } from './choose-columns.ts'
import type { RowCensus } from './row-census.ts'

/** Rows that could not be read for one reason. */
export interface PassedOver {
  readonly rows: number
  /** a clause */
  readonly reason: string
  /** what to do about it; a full sentence without the final full stop */
  readonly fix: string
}

/** What is known of a schema: its JSON, or why there is none. */
export type KnownSchema = { readonly json: string } | { readonly problem: string }

const looks: Readonly<Record<RowLook, Omit<PassedOver, 'rows'>>> = {
  json: {
    reason: 'the value is JSON',
    fix:
      'Configure the producer to use Avro with the schema registry (in Kafka Connect: ' +
      'io.confluent.connect.avro.AvroConverter), or load the rows as a file: vgm load FILE.json',
  },
  'avro-file': {
    reason: "the value is an Avro file, which contains its schema instead of a registry's id",
    fix: "Configure the producer to use a schema registry's serializer, one row per message",
  },
  'single-object': {
    reason: "the value is in Avro's single-object encoding, which has a fingerprint instead of a registry's id",
    fix: "Configure the producer to use a schema registry's serializer",
  },
  empty: {
    reason: 'the value is empty',
    fix: 'Check the producer: a row without content must be a null, not an empty value',
  },
  'broken-batch': {
    reason: 'its batch cannot be read',
    fix: 'Write the rows again with its producer, in smaller batches',
  },
  garbage: {
    reason: 'the rows name more than 10,000 schemas, so that their values may have no framing at all',
    fix: "Configure the producer to use a schema registry's Avro serializer",
  },
  unframed: {
    reason: 'the value does not begin with the magic byte 0 and a schema id, and no header names a schema',
    fix: "Configure the producer to use a schema registry's Avro serializer, or load the rows as a file: vgm load FILE",
  },
}

/** What makes Debezium's rows readable. */
export const flattenFix =
  'Name numbers of "after" (--columns after.NAME), or let the connector write rows instead of change events: ' +
  'transforms=unwrap, transforms.unwrap.type=io.debezium.transforms.ExtractNewRecordState'

/**
 * Why rows were passed over, the most rows first. Rows with NaN, or with integers that are too large, are not among
 * them: for those a column is to blame.
 *
 * @param columns that were asked for
 */
export function passedOver(
  { schemas, looks: counts }: RowCensus,
  columns: readonly NumericColumn[],
  schemaOf: (name: RowSchemaName) => KnownSchema,
): readonly PassedOver[] {
  const unframed = [...counts].map(([look, rows]) => ({ rows, ...looks[look] }))
  // One reason for all schemas with the same problem: in a topic of garbage each row may name another.
  const problems = new Map<string, { rows: number; readonly fix: string; readonly names: string[] }>()
  const framed: PassedOver[] = []
  for (const [name, { failed }] of schemas)
    for (const [error, rows] of failed) {
      const schema = schemaOf(name)
      if ('json' in schema) {
        const found = ofSchema(describeSchemaName(name), error, columns, schema.json)
        if (found !== undefined) framed.push({ rows, ...found })
        continue
      }
      const known = problems.get(schema.problem) ?? { rows: 0, fix: fixOf(name), names: [] }
      known.rows += rows
      known.names.push(describeSchemaName(name))
      problems.set(schema.problem, known)
    }
  const unknown = [...problems].map(([problem, { rows, fix, names }]): PassedOver => {
    // The bytes of numbers and texts name another schema in each row, those of a producer hardly ever.
    if (names.length > fewNames && rows < 2 * names.length) return { rows, ...noIds(names.length) }
    return { rows, reason: `${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ''}: ${problem}`, fix }
  })
  return [...unframed, ...framed, ...unknown].sort((a, b) => b.rows - a.rows || (a.reason < b.reason ? -1 : 1))
}

/** Schemas that a topic may have in use. */
const fewNames = 20

function noIds(names: number): Omit<PassedOver, 'rows'> {
  return {
    reason:
      `the values begin with a 0, and what follows would be ${countText(names)} ids that the registry does ` +
      'not know: they have probably none',
    fix: looks.unframed.fix,
  }
}

const anotherSchema = 'Check the producer: it used another schema'

function ofSchema(
  called: string,
  error: RowError,
  columns: readonly NumericColumn[],
  json: string,
): Omit<PassedOver, 'rows'> | undefined {
  switch (error) {
    case rowErrors.schemaMismatch:
      return isEnvelope(json)
        ? { reason: `${called} is Debezium's envelope: ${mismatchOf(json, columns)}`, fix: flattenFix }
        : {
            reason: `${called}: ${mismatchOf(json, columns)}`,
            fix: isRecord(json)
              ? 'Name columns that the rows have (--columns). Rows without them become dead letters in normalize'
              : 'Configure the producer to write records: a column is a field of one',
          }
    case rowErrors.malformed:
      return {
        reason: `the value is not a row of ${called}: it ends too early, or has what cannot be`,
        fix: anotherSchema,
      }
    case rowErrors.trailingBytes:
      return { reason: `the value begins as a row of ${called}, and more bytes follow`, fix: anotherSchema }
    default:
      return undefined
  }
}

function fixOf(name: RowSchemaName): string {
  if (typeof name === 'string' && name.startsWith('guid:'))
    return (
      'Name the schema of such rows (--guid-schema, access.registry.guidSchema), use a registry that knows GUIDs, or ' +
      'configure the producer to put ids before values ' +
      '(value.schema.id.serializer=io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer)'
    )
  if (name === 0) return `No registry gives the id 0: the values are numbers, or something else. ${looks.unframed.fix}`
  return 'Check that the registry (--registry) is the one that the producer uses, and that rows are Avro'
}

function isRecord(json: string): boolean {
  try {
    return parseAvroSchema(json).kind === 'record'
  } catch {
    return true
  }
}

/** Why the rows of a schema lack the columns. */
function mismatchOf(json: string, columns: readonly NumericColumn[]): string {
  try {
    const plan = planColumns(parseAvroSchema(json), columns)
    return 'reason' in plan ? plan.reason : 'its rows cannot be read'
  } catch (error) {
    if (error instanceof PipelineError) return error.message
    throw error
  }
}
