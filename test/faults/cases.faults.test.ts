import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { ClusterUnavailableError } from '../../src/cluster/errors.ts'
import { prepareProcess } from '../../src/observe/prepare-process.ts'
import { allCases } from './all-cases.ts'
import type { FaultCase } from './fault-case.ts'
import { FaultClusters } from './fault-clusters.ts'
import { runCase, summaryLine } from './run-case.ts'

prepareProcess()
const seed = 1
/** Most cases wait for much of their time, so three run side by side, each with a cluster. */
const lanes = Array.from({ length: 3 }, () => new FaultClusters())
const free = [...lanes]
/** Begun first, so that none of them is left alone at the end. */
const longest = ['F20', 'F11']
after(() => Promise.all(lanes.map((clusters) => clusters.stop())))

suite('faults, in short', { concurrency: lanes.length }, async () => {
  const isLong = ({ id }: FaultCase) => Number(longest.includes(id))
  // Those of one node first: the others' cluster need not stand beside them.
  for (const it of (await allCases()).sort((a, b) => a.nodes - b.nodes || isLong(b) - isLong(a)))
    test(`${it.id}: ${it.title}`, async (t) => {
      const clusters = free.pop()!
      t.after(() => free.push(clusters))
      const cluster = await clusters.of(it.nodes).catch((error: unknown) => {
        // Containers have no process that one could kill alone.
        if (error instanceof ClusterUnavailableError) return undefined
        throw error
      })
      if (cluster === undefined) return t.skip('this machine has no Java to run brokers on')
      const folder = mkdtempSync(join(tmpdir(), 'vgm-faults-'))
      const result = await runCase(it, 'short', cluster, seed, folder)
      if (result.failure !== undefined) {
        t.diagnostic(`logs in ${folder}`)
        throw result.failure
      }
      t.diagnostic(summaryLine(result))
      rmSync(folder, { recursive: true })
    })
})
