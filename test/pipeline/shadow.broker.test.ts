import { equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { generateRows } from '../../src/pipeline/generate-rows.ts'
import { compareModels, fitDataset, normalizeTopic } from '../../src/pipeline/index.ts'
import type { StageEvent } from '../../src/ports/stage-event.ts'
import { parseRowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { testCluster } from '../cluster/shared-cluster.ts'
import { vgm } from '../commands/run-command.ts'
import { TestPipeline } from './test-pipeline.ts'

suite('normalize --shadow', () => {
  test('tells what another version would do, from all members, and writes what it would have written', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { dataset, modelsTopic } = pipeline
    const events: StageEvent[] = []
    const cluster = { ...pipeline.cluster, observe: (event: StageEvent) => void events.push(event) }
    const of = { dataset, modelsTopic }
    const generate = (spec: string, seed: number) =>
      generateRows(cluster, { dataset, spec: parseRowSpec(spec), rows: 30_000, seed, partitions: 2, batchRows: 500 })
    const mixture = { maxIterations: 50 }
    await generate('x:double=mixture(0.5:-2:1,0.5:3:1);y:int=normal(40,12)', 1)
    await fitDataset(cluster, { ...of, source: 'raw', mixture })
    await generate('x:double=mixture(0.5:-1:1,0.5:4:1);y:int=normal(46,12)', 2)
    await fitDataset(cluster, { ...of, source: 'raw', promote: false, mixture })
    const report = await normalizeTopic(cluster, { ...of, members: 2, untilEnd: true, shadow: 2 })
    equal(report.rowsOut, 60_000)
    const { shadow } = report
    ok(shadow !== undefined && shadow.version === 2 && shadow.against === 1 && shadow.rows > 200)
    ok(shadow.gain > 0.01, JSON.stringify(shadow))
    const { columns } = await compareModels(cluster, { ...of, from: 1, to: 2 })
    const x = shadow.columns.find(({ name }) => name === 'x')
    const expected = columns.find(({ name }) => name === 'x')?.changedMode ?? 0
    ok(x !== undefined && Math.abs(x.changedMode - expected) < 0.1, `${x?.changedMode}, ${expected}`)
    ok(events.some(({ kind }) => kind === 'shadow'))
    await rejects(normalizeTopic(cluster, { ...of, untilEnd: true, shadow: 7 }), { code: 'VGM_MODEL_MISSING' })
    const { brokers, registry } = await testCluster()
    const flags = ['--dataset', dataset, '--models-topic', modelsTopic, '--brokers', brokers, '--registry', registry]
    const again = await vgm(['normalize', '--until-end', '--shadow', '2', ...flags])
    match(again.out, /^Version 2 has seen no row as the shadow of version 1\.$/m)
    const itself = await vgm(['normalize', '--until-end', '--shadow', '1', ...flags])
    match(itself.out, /^Version 1 is in use and its own shadow: name another one \(--shadow\)\.$/m)
  })
})
