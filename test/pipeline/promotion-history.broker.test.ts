import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { fitDataset, generateRows, openCluster, parseRowSpec, promoteModel } from '../../src/pipeline/index.ts'
import { promotionHistory } from '../../src/pipeline/promotion-history.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'

test('a version that is published and not promoted is no promotion of the current one', async (t) => {
  const { brokers, registry } = await testCluster()
  const cluster = await openCluster({ brokers: brokers.split(','), registry })
  t.after(() => cluster.close())
  const dataset = uniqueName('promoted')
  const of = { dataset, modelsTopic: `${dataset}.models` }
  await generateRows(cluster, { ...of, spec: parseRowSpec('fare:double=normal(10,2)'), rows: 2_000 })
  const fit = (promote: boolean) => fitDataset(cluster, { ...of, source: 'raw', promote })
  await fit(true)
  await fit(false)
  const versions = async () => (await promotionHistory(cluster, of)).map(({ version }) => version)
  deepEqual(await versions(), [1])
  await promoteModel(cluster, { ...of, version: 2 })
  equal((await versions()).at(-1), 2)
})
