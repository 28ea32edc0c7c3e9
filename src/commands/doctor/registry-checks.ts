import { valueSubject } from '../../config/names.ts'
import { PipelineError } from '../../errors.ts'
import { parseAvroSchema } from '../../rows/avro-schema.ts'
import { deriveNormalizedSchema } from '../../rows/normalized-schema.ts'
import { numericColumns } from '../../rows/numeric-columns.ts'
import { compileRowPlan } from '../../rows/row-plan.ts'
import type { DatasetFacts, RegistryFacts } from './facts.ts'
import { type Check, count, error, type Finding, ok } from './finding.ts'
import { noDataset } from './unreachable.ts'

const silent = { because: 'the schema registry does not answer' }

export const registryChecks: readonly Check[] = [
  {
    name: 'registry',
    about: 'the schema registry answers, and takes schemas (its mode is READWRITE)',
    run: ({ registry: { url, refusal, mode } }) => {
      if (refusal !== undefined) return [error(refusal.problem, 'a schema registry that answers', refusal.fix)]
      if (mode !== undefined && mode !== 'READWRITE')
        return [
          error(
            `the registry is in mode ${mode}`,
            'READWRITE: stages register the schemas of what they write',
            `curl -X PUT -H 'Content-Type: application/json' --data '{"mode":"READWRITE"}' ${url}/mode`,
          ),
        ]
      return [ok(`${url} answers${mode === undefined ? '' : `, in mode ${mode}`}`)]
    },
  },
  {
    name: 'compatibility',
    about: 'the subject of normalized values takes any schema (compatibility NONE), for refits change its columns',
    run: ({ registry, dataset }) => {
      if (registry.refusal !== undefined) return silent
      if (dataset === undefined) return noDataset
      const subject = valueSubject(dataset.topics.normalized)
      const { normalizedCompatibility: level, hasNormalizedSchema, url } = registry
      if (level === 'NONE') return [ok(`${subject} takes any schema`)]
      if (level === undefined && !hasNormalizedSchema) return [ok(`${subject} is not there yet; normalize sets NONE`)]
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
    about: 'the raw topic has an Avro schema with numeric columns',
    run: ({ registry, dataset }) => {
      if (registry.refusal !== undefined) return silent
      if (dataset === undefined) return noDataset
      const subject = valueSubject(dataset.topics.raw)
      const { rawSchema } = registry
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
      if (columns.length > 0) return [ok(`${count(columns.length, 'numeric column')}: ${names(columns)}`)]
      return [
        error(
          `the schema ${subject} has no numeric column`,
          'fields of type int, long, float or double, nullable or not, without a logicalType',
          `vgm fit --dataset ${dataset.dataset} --columns NAME, if one with a logicalType is to be modelled`,
        ),
      ]
    },
  },
]

export const modelChecks: readonly Check[] = [
  {
    name: 'model',
    about: 'the data set has a current model, and every record of the models topic can be used',
    run: ({ cluster, dataset }) => {
      if (dataset === undefined) return noDataset
      if (cluster === undefined) return { because: 'no broker answers' }
      const { current, versions, unusable, refusal } = dataset.model
      if (refusal !== undefined) return { because: refusal.problem }
      const bad = unusable.map((problem) =>
        error(problem, 'a record that vgm has written', 'Publish anew: "vgm fit"; old records go with compaction'),
      )
      if (current !== undefined)
        return [ok(`version ${current.version} is current, of ${count(versions.length, 'version')}`), ...bad]
      const mend =
        versions.length === 0
          ? `vgm fit --dataset ${dataset.dataset}`
          : `vgm model promote --dataset ${dataset.dataset} ${versions[versions.length - 1]}`
      const found = versions.length === 0 ? 'there is no model' : `no version is current, of ${versions.join(', ')}`
      return [...bad, error(found, 'a current model, to normalize with', mend)]
    },
  },
  {
    name: 'model-columns',
    about: "the model's columns are in the raw schema, with types that fit, and the normalized schema can be derived",
    run: ({ registry, dataset }) => {
      if (dataset === undefined) return noDataset
      const { current } = dataset.model
      if (current === undefined) return { because: 'there is no current model, or it could not be read' }
      if (registry.rawSchema === undefined) return { because: 'there is no raw schema to compare with' }
      return [columnsFit(dataset, current, registry.rawSchema)]
    },
  },
]

function columnsFit(
  { dataset }: DatasetFacts,
  { version, columns }: NonNullable<DatasetFacts['model']['current']>,
  rawSchema: NonNullable<RegistryFacts['rawSchema']>,
): Finding {
  const plan = judged(() => compileRowPlan(parseAvroSchema(rawSchema), columns))
  if ('level' in plan) return plan
  if (plan.kind === 'mismatch')
    return error(
      `version ${version} does not fit the raw schema: ${plan.reason}`,
      'the same columns: rows become dead letters otherwise',
      `vgm fit --dataset ${dataset}`,
    )
  const derived = judged(() => ({ schema: deriveNormalizedSchema(rawSchema, columns, {}) }))
  return 'level' in derived ? derived : ok(`version ${version} models ${names(columns)}`)
}

/** What is made of a schema, or what is wrong with it. */
function judged<T extends object>(make: () => T): T | Finding {
  try {
    return make()
  } catch (failure) {
    if (!(failure instanceof PipelineError)) throw failure
    return error(failure.message, 'a schema that rows can be normalized with', failure.fix)
  }
}

const mostNames = 6

function names(columns: readonly { readonly name: string }[]): string {
  const first = columns.slice(0, mostNames).map(({ name }) => name)
  const more = columns.length - first.length
  return more === 0 ? first.join(', ') : `${first.join(', ')} and ${more} more`
}
