import { counted } from '../observe/report-text.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { deriveNormalizedSchema } from '../rows/normalized-schema.ts'
import { planColumns } from '../rows/planned-columns.ts'
import { describeSchemaName } from '../rows/schema-name.ts'
import type { DatasetFacts, RegistryFacts } from './facts.ts'
import { type Check, error, type Finding, nameList, ok } from './finding.ts'
import { judged } from './registry-checks.ts'
import { noBroker, noDataset } from './unreachable.ts'

export const modelChecks: readonly Check[] = [
  {
    name: 'model',
    about: 'the data set has a current model, and every record of the models topic is usable',
    run: ({ cluster, dataset }) => {
      if (dataset === undefined) return noDataset
      if (cluster === undefined) return noBroker
      const { current, versions, unusable, refusal } = dataset.model
      if (refusal !== undefined) return { because: refusal.problem }
      const bad = unusable.map((problem) =>
        error(
          problem,
          'a record written by vgm',
          'Publish again with "vgm fit". Records of other programs are skipped; a null value under its ' +
            'key removes a record',
        ),
      )
      if (current !== undefined)
        return [ok(`version ${current.version} is current, of ${counted(versions.length, 'version')}`), ...bad]
      const fix =
        versions.length === 0
          ? `vgm fit --dataset ${dataset.dataset}`
          : `vgm model promote --dataset ${dataset.dataset} ${versions[versions.length - 1]}`
      const found = versions.length === 0 ? 'there is no model' : `no version is current, of ${versions.join(', ')}`
      return [...bad, error(found, 'a current model for normalize', fix)]
    },
  },
  {
    name: 'model-columns',
    about: "the model's columns are numeric in the schemas of raw rows, and the normalized schema can be derived",
    run: ({ registry, dataset }) => {
      if (dataset === undefined) return noDataset
      const { current } = dataset.model
      if (current === undefined) return { because: 'there is no current model, or it could not be read' }
      const { met } = dataset.rawRows
      if (met.length === 0) {
        if (registry.rawSchema === undefined) return { because: 'there is no raw schema to compare with' }
        return [columnsFit(dataset, current, registry.rawSchema, 'the raw schema')]
      }
      const findings = met.map(({ name, json }) => columnsFit(dataset, current, json, describeSchemaName(name)))
      const fitting = findings.filter(({ level }) => level === 'ok')
      if (fitting.length === 0) return findings
      // Some rows go through: those of others are set aside, as their writer may well mean it.
      const others = findings.filter(({ level }) => level !== 'ok')
      return [...others.map((finding): Finding => ({ ...finding, level: 'warning' })), fitting[0]]
    },
  },
]

function columnsFit(
  { dataset }: DatasetFacts,
  { version, columns }: NonNullable<DatasetFacts['model']['current']>,
  rawSchema: NonNullable<RegistryFacts['rawSchema']>,
  called: string,
): Finding {
  const plan = judged(() => planColumns(parseAvroSchema(rawSchema), columns))
  if ('level' in plan) return plan
  if ('reason' in plan)
    return error(
      `version ${version} does not fit ${called}: ${plan.reason}`,
      'a model that fits the schema: otherwise its rows become dead letters',
      `vgm fit --dataset ${dataset}`,
    )
  const derived = judged(() => ({ schema: deriveNormalizedSchema(rawSchema, columns, {}) }))
  return 'level' in derived ? derived : ok(`version ${version} models ${nameList(columns)}`)
}
