import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

// biome-ignore lint/suspicious/noExplicitAny: documents are judged by Kubernetes' schemas, not by types of ours
export type Document = any

export const chart = join(import.meta.dirname, '../../helm/vgm')
export const kubernetesVersions = ['1.28', '1.34'] as const

/** What no release goes without. */
export const address = {
  dataset: 'trips',
  kafka: { brokers: 'kafka-0:9092,kafka-1:9092' },
  schemaRegistry: { url: 'https://registry.example/apis/ccompat/v7' },
}

/** A release as `helm install` would make it. */
export interface Release {
  readonly documents: readonly Document[]
  /** of Deployments, StatefulSets, Jobs, CronJobs and the test */
  readonly pods: readonly Document[]
  /** what every pod is given as vgm.yaml */
  readonly config: string
}

/** Runs `helm template`. @throws with what helm says */
export function render(helm: string, folder: string, values: object): Release {
  const file = join(folder, 'values.json')
  writeFileSync(file, JSON.stringify(values))
  const args = ['template', 'flights', chart, '--values', file, '--kube-version', `${kubernetesVersions[1]}.0`]
  const text = execFileSync(helm, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const documents = parseAllDocuments(text)
    .map((document) => document.toJS() as Document)
    .filter((document) => document !== null)
  return { documents, pods: documents.flatMap(podOf), config: configOf(documents) }
}

function podOf({ kind, metadata, spec }: Document): Document[] {
  const named = (pod: Document) => [{ ...pod, metadata: { ...pod.metadata, owner: `${kind} ${metadata.name}` } }]
  if (kind === 'Pod') return named({ metadata, spec })
  if (kind === 'CronJob') return named(spec.jobTemplate.spec.template)
  return spec?.template === undefined ? [] : named(spec.template)
}

function configOf(documents: readonly Document[]): string {
  return documents.find(({ kind, data }) => kind === 'ConfigMap' && 'vgm.yaml' in data).data['vgm.yaml']
}
