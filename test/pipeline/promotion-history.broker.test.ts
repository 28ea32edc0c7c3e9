import { deepEqual } from 'node:assert/strict'
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
  await promoteModel(cluster, { ...of, version: 2 })
  await promoteModel(cluster, { ...of, version: 'previous' })
  await fit(false)
  const history = await promotionHistory(cluster, of)
  deepEqual(
    history.map(({ version }) => version),
    [1, 2, 1],
  )
})
