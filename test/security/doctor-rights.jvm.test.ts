import { deepEqual, equal, match } from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { ClusterAccess } from '../../src/config/cluster-access.ts'
import { defaultControlTopic, defaultPositionsTopic, defaultStatsTopic, topicNames } from '../../src/config/names.ts'
import { diagnose, type NamedFinding } from '../../src/doctor/checks.ts'
import { gatherFacts } from '../../src/doctor/gather-facts.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { type ClusterSession, plainUse, withClusterAt } from '../../src/pipeline/cluster-session.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import { type Grant, SecuredCluster } from './secured-cluster.ts'
import { rightsOf } from './stage-rights.ts'

const dataset = uniqueName('trips')
const modelsTopic = 'vgm.models'
const topics = topicNames(dataset)
const password = 'secret'
/** Stages that the doctor judges. */
const stages = ['load', 'sample', 'fit', 'normalize', 'restore'] as const

let cluster: SecuredCluster

before(async () => {
  cluster = await SecuredCluster.start()
  for (const stage of stages) await cluster.setPassword(stage, password)
})

after(async () => cluster?.stop())

function entered<T>(user: string | undefined, work: (open: ClusterSession) => Promise<T>): Promise<T> {
  const sasl = { mechanism: 'SCRAM-SHA-512', username: user ?? '', password } as const
  const kafka: ClusterAccess['kafka'] = user === undefined ? {} : { tls: { ca: cluster.ca }, sasl }
  const brokers = [user === undefined ? cluster.plain : cluster.sasl]
  const { signal } = new AbortController()
  const at = { brokers, registry: cluster.registry, access: { kafka, registry: {} } }
  return withClusterAt(at, plainUse(createLogger('silent'), signal), work, false)
}

/** What the doctor says of a user's rights. */
async function rightsFound(user: string): Promise<{ found: NamedFinding[]; notChecked: string[] }> {
  const facts = await entered(user, (open) => gatherFacts(open, { dataset, topics, modelsTopic }))
  const { findings, notChecked } = diagnose(facts)
  const checks = ['rights', 'transactional-id', 'creation']
  return {
    found: findings.filter(({ check }) => checks.includes(check)),
    notChecked: notChecked.map(({ check }) => check).filter((check) => checks.includes(check)),
  }
}

suite('vgm doctor on a secured cluster', () => {
  test('knows the rights of each stage as docs/security.md has them: none too many, and none too few', async () => {
    await entered(undefined, async ({ admin }) => {
      for (const topic of Object.values(topics)) await admin.topics.ensureRowTopic({ topic, partitions: 1 })
      await admin.topics.ensureModelsTopic(modelsTopic)
      await admin.topics.ensurePositionsTopic(defaultPositionsTopic)
      await admin.topics.ensureStatsTopic(defaultStatsTopic)
      await admin.topics.ensureControlTopic(defaultControlTopic)
    })
    for (const stage of stages) {
      // Topics exist: Create is not needed any more.
      const isGranted = ({ user, operation }: Grant) => user === stage && operation !== 'Create'
      const grants = rightsOf(dataset, modelsTopic).filter(isGranted)
      const optional = rightsOf(dataset, modelsTopic, 'optional rights').filter(isGranted)
      await cluster.grant([...grants, ...optional])
      const { found, notChecked } = await rightsFound(stage)
      deepEqual(
        found.filter(({ level }) => level !== 'ok'),
        [],
        stage,
      )
      match(found[0].found, new RegExp(`\\b${stage}\\b.*; not`))
      const isGroupStage = stage === 'normalize' || stage === 'restore'
      deepEqual(notChecked, isGroupStage ? [] : ['transactional-id'], stage)
      for (const grant of grants) await missing(stage, grant, isGroupStage, 'error')
      for (const grant of optional) await missing(stage, grant, isGroupStage, 'warning')
    }
  })
})

/** Takes one right away, and looks whether the doctor finds it, and its fix. */
async function missing(
  stage: string,
  grant: Grant,
  isGroupStage: boolean,
  expected: 'error' | 'warning',
): Promise<void> {
  const { resource, operation, name } = grant
  if (resource === 'transactional id' && !isGroupStage) return
  await cluster.revoke(grant)
  const { found } = await rightsFound(stage)
  const errors = found.filter(({ level }) => level === expected)
  const what = `${stage} without ${operation} on ${resource} ${name}: ${JSON.stringify(found)}`
  equal(errors.length, 1, what)
  // Who may not write a stage's topic is not meant to run it, and each user here runs one.
  if (errors[0].found !== 'this user has the complete rights of no stage') {
    if (resource !== 'transactional id')
      match(errors[0].found, new RegExp(`lacks .*${operation}.*, (which ${stage} needs|so ${stage} )`), what)
    const flag = resource.replace(' ', '-')
    match(
      errors[0].fix ?? '',
      new RegExp(`--operation ${operation}.* --${flag} ${name.replace(/normalize.*|restore.*/, '')}`),
    )
  }
  await cluster.grant([grant])
}
