import type { Features } from './pairwise.ts'
import { address } from './rendered-chart.ts'

/** What a release may be told; each is a piece of values. */
export const features: Features = {
  kind: ['Deployment', 'StatefulSet'].map((kind) => ({ normalize: { kind }, restore: { kind } })),
  autoscaling: ['none', 'hpa', 'keda'].map((kind) => ({
    normalize: { autoscaling: { kind } },
    restore: { autoscaling: { kind, minReplicas: 2 } },
  })),
  brokers: [
    {},
    { kafka: { securityProtocol: 'SSL' } },
    {
      kafka: {
        securityProtocol: 'SSL',
        tls: { existingSecret: 'tls', certKey: 'tls.crt', privateKeyKey: 'tls.key', passphraseKey: 'passphrase' },
      },
    },
    {
      kafka: {
        securityProtocol: 'SASL_SSL',
        tls: { existingSecret: 'tls' },
        sasl: { mechanism: 'SCRAM-SHA-512', existingSecret: 'login' },
      },
    },
    { kafka: { securityProtocol: 'SASL_PLAINTEXT', sasl: { mechanism: 'PLAIN', existingSecret: 'login' } } },
    {
      kafka: {
        securityProtocol: 'SASL_SSL',
        sasl: {
          mechanism: 'OAUTHBEARER',
          existingSecret: 'login',
          tokenEndpoint: 'https://login.example/token',
          scope: 'kafka',
        },
      },
    },
    {
      kafka: {
        securityProtocol: 'SASL_SSL',
        sasl: { mechanism: 'OAUTHBEARER', existingSecret: 'login', tokenKey: 'token' },
      },
    },
  ],
  registry: [
    {},
    { schemaRegistry: { auth: { existingSecret: 'registry' } } },
    { schemaRegistry: { auth: { existingSecret: 'registry', tokenKey: 'token' } } },
    { schemaRegistry: { tls: { existingSecret: 'registry-tls', certKey: 'tls.crt', privateKeyKey: 'tls.key' } } },
  ],
  stages: [
    {},
    { sample: { enabled: true }, restore: { enabled: true, members: 3 } },
    { normalize: { enabled: false }, restore: { enabled: true } },
    { normalize: { model: '@stable', stats: true }, drift: { enabled: true, every: '5m' } },
    {
      sample: { enabled: true, rate: 1 },
      normalize: { model: 3, members: 2, replicas: 0 },
      restore: { enabled: true },
    },
  ],
  fit: [
    {},
    { fit: { once: true } },
    { fit: { schedule: '0 3 * * *', source: 'raw' } },
    { fit: { once: true, schedule: '@daily' } },
  ],
  refit: [
    {},
    { refit: { enabled: true } },
    { refit: { enabled: true, every: '', onDrift: true, requireApproval: true, extraArgs: ['--recent', '400000'] } },
  ],
  replay: [
    {},
    { replay: { enabled: true, model: 2 } },
    { replay: { enabled: true, model: 2, from: '@2026-11-01T00:00:00Z', to: 120000, output: 'trips.backfill' } },
  ],
  config: [{}, { config: { 'models-topic': 'models', 'log-level': 'debug' } }],
  words: [
    {},
    {
      normalize: { extraArgs: ['--clip', '0.99'] },
      restore: { extraArgs: ['--compression', 'zstd'] },
      fit: { extraArgs: ['--decimals', 'round'] },
    },
  ],
  image: [
    {},
    { image: { tag: '1', pullPolicy: 'Always', pullSecrets: ['registry'] } },
    { image: { digest: `sha256:${'0'.repeat(64)}` } },
  ],
  pods: [
    {},
    { pods: { topologySpread: { enabled: false }, priorityClassName: 'high', terminationGracePeriodSeconds: 60 } },
    {
      pods: {
        annotations: { 'example.org/a': 'b' },
        labels: { team: 'data' },
        nodeSelector: { disk: 'fast' },
        tolerations: [{ key: 'spot', operator: 'Exists' }],
        affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
        extraEnv: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=512' }],
        extraEnvFrom: [{ secretRef: { name: 'more' } }],
        extraVolumes: [{ name: 'more', emptyDir: {} }],
        extraVolumeMounts: [{ name: 'more', mountPath: '/more' }],
      },
    },
  ],
  budgets: [
    {},
    {
      normalize: { podDisruptionBudget: { enabled: false } },
      restore: { podDisruptionBudget: { maxUnavailable: '25%' } },
    },
  ],
  account: [
    {},
    { serviceAccount: { create: false } },
    { serviceAccount: { name: 'mine', annotations: { 'example.org/role': 'r' } } },
  ],
  network: [
    {},
    { networkPolicy: { enabled: true } },
    {
      networkPolicy: {
        enabled: true,
        metricsFrom: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        extraEgress: [{ ports: [{ port: 443, protocol: 'TCP' }] }],
      },
    },
  ],
  monitoring: [
    {},
    {
      monitoring: {
        serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
        prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
        dashboard: { enabled: true },
      },
    },
  ],
}

/** Pieces of values put together, the later ones before the earlier ones. */
export function valuesOf(pieces: Iterable<unknown>): Record<string, unknown> {
  const values: Record<string, unknown> = structuredClone(address)
  for (const piece of pieces) merge(values, structuredClone(piece) as Record<string, unknown>)
  return values
}

function merge(into: Record<string, unknown>, from: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(from)) {
    const there = into[key]
    if (isSection(there) && isSection(value)) merge(there, value)
    else into[key] = value
  }
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
