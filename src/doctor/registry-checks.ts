import { valueSubject } from '../config/names.ts'
import { countText } from '../count-text.ts'
import { PipelineError } from '../errors.ts'
import { counted } from '../observe/report-text.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { numericColumns } from '../rows/numeric-columns.ts'
import { describeSchemaName } from '../rows/schema-name.ts'
import { chooseColumns, isEnvelope } from '../stages/choose-columns.ts'
import { flattenFix } from '../stages/passed-over.ts'
import { onlyTombstones } from '../stages/tombstones.ts'
import type { DatasetFacts } from './facts.ts'
import { type Check, error, type Finding, nameList, ok, warning } from './finding.ts'
import { noDataset } from './unreachable.ts'

const silent = { because: 'the schema registry does not answer' }

export const registryChecks: readonly Check[] = [
  {
    name: 'registry',
    about: 'the schema registry answers and accepts schemas (mode READWRITE)',
    run: ({ registry: { url, refusal, mode } }) => {
      if (refusal !== undefined) return [error(refusal.problem, 'a schema registry that answers', refusal.fix)]
      if (mode !== undefined && mode !== 'READWRITE')
        return [
          error(
            `the registry is in mode ${mode}`,
            'READWRITE: stages register the schemas of their outputs',
            `curl -X PUT -H 'Content-Type: application/json' --data '{"mode":"READWRITE"}' ${url}/mode`,
          ),
        ]
      return [ok(`${url} answers${mode === undefined ? '' : `, in mode ${mode}`}`)]
    },
  },
  {
    name: 'compatibility',
    about: 'the subject of normalized values accepts any schema (compatibility NONE): refits change its columns',
    run: ({ registry, dataset }) => {
      if (registry.refusal !== undefined) return silent
      if (dataset === undefined) return noDataset
      const subject = valueSubject(dataset.topics.normalized)
      const { normalizedCompatibility: level, hasNormalizedSchema, url } = registry
      if (level === 'NONE') return [ok(`${subject} accepts any schema`)]
      if (level === undefined && !hasNormalizedSchema) return [ok(`${subject} does not exist yet; normalize sets NONE`)]
      return [
        error(
          `${subject} has ${level === undefined ? "the registry's own compatibility" : `compatibility ${level}`}`,
          'NONE: refits change the columns',
          `curl -X PUT -H 'Content-Type: application/json' --data '{"compatibility":"NONE"}' ` +
            `${url}/config/${encodeURIComponent(subject)}`,
        ),
      ]
    },
  },
  {
    name: 'raw-schema',
    about: 'raw rows have Avro schemas with numeric columns; without rows, the subject of the raw topic has one',
    run: ({ registry, dataset }) => {
      if (registry.refusal !== undefined) return silent
      if (dataset === undefined) return noDataset
      const subject = valueSubject(dataset.topics.raw)
      const { rawSchema, rawSchemaProblem } = registry
      const { rows, tombstones } = dataset.rawRows
      if (rows > 0) return rowsFindings(dataset, rawSchema !== undefined)
      if (tombstones > 0)
        return [
          warning(
            `${onlyTombstones(dataset.topics.raw, tombstones)}, among the first and the last 200 ` +
              'records of each partition',
            'rows',
            `vgm load FILE --dataset ${dataset.dataset}`,
          ),
        ]
      if (rawSchemaProblem !== undefined)
        return [
          error(
            `the newest schema of ${subject}: ${rawSchemaProblem}`,
            'an Avro schema',
            'Correct the producer of the rows',
          ),
        ]
      if (rawSchema === undefined)
        return [
          error(
            `there is no schema ${subject}`,
            'the Avro schema of raw rows',
            `vgm load FILE --dataset ${dataset.dataset}`,
          ),
        ]
      const columns = judged(() => numericColumns(parseAvroSchema(rawSchema)))
      if ('level' in columns) return [columns]
      if (columns.length > 0) return [ok(`${counted(columns.length, 'numeric column')}: ${nameList(columns)}`)]
      return [
        error(
          `the schema ${subject} has no numeric column`,
          'fields of type int, long, float or double, nullable or not, without a logicalType, or decimals',
          `vgm fit --dataset ${dataset.dataset} --columns NAME, if one with a logicalType is to be modelled`,
        ),
      ]
    },
  },
]

/** What the last rows name; subjects may be called as their writers like. */
function rowsFindings(
  { dataset, topics, rawRows: { rows, met, unread } }: DatasetFacts,
  hasSubject: boolean,
): Finding[] {
  const expected = 'rows that can be read'
  const bad = unread.map(({ rows: some, reason, fix }) => {
    const found = `${countText(some)} of the last ${counted(rows, 'row')} of ${topics.raw}: ${reason}`
    return met.length === 0 ? error(found, expected, fix) : warning(found, 'no dead letters', fix)
  })
  if (met.length === 0) return bad
  const { columns } = chooseColumns(met, undefined, new Set())
  if (columns.length === 0) {
    const isFlat = !met.some(({ json }) => isEnvelope(json))
    return [
      ...bad,
      error(
        isFlat
          ? `no row of ${topics.raw} has a numeric column`
          : `the rows of ${topics.raw} are Debezium's change events, and "after" holds no number`,
        'fields of type int, long, float or double, nullable or not, without a logicalType, or decimals',
        isFlat
          ? `vgm fit --dataset ${dataset} --columns NAME, if one with a logicalType is to be modelled`
          : flattenFix,
      ),
    ]
  }
  const others = hasSubject ? '' : `, under other subjects than ${valueSubject(topics.raw)}`
  const schemas = met.map(({ name }) => describeSchemaName(name)).join(', ')
  return [
    ...bad,
    ok(`${counted(columns.length, 'numeric column')}: ${nameList(columns)} (rows have ${schemas}${others})`),
  ]
}

/** What is made of a schema, or what is wrong with it. */
export function judged<T extends object>(make: () => T): T | Finding {
  try {
    return make()
  } catch (failure) {
    if (!(failure instanceof PipelineError)) throw failure
    return error(failure.message, 'a schema that rows can be normalized with', failure.fix)
  }
}
