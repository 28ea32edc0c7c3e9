import { rejects, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as library from '../../src/pipeline/index.ts'

const { columnHints, lagRemarks, mismatches, modelCard, modelPlot, modelSpec, modelSvg } = library
const column = { name: 'x', weight: [1], mean: [0], std: [1] }

/** A function that works on what another one gives, and what of it may be missing. */
const functions: Readonly<Record<string, readonly [call: (value: never) => unknown, missing: RegExp, ...unknown[]]>> = {
  columnHints: [columnHints, /has no lineage/, { columns: [] }],
  lagRemarks: [lagRemarks, /has no topic, partitions/, { group: 'g' }],
  mismatches: [mismatches, /has no reordered, wrong, hanging/, { lost: 0, doubled: 0 }],
  modelCard: [(model: never) => modelCard(model, {} as never), /has no version, columns, lineage/, { dataset: 'd' }],
  modelPlot: [modelPlot, /has no mean, std/, { name: 'x', weight: [1] }],
  modelSpec: [modelSpec, /item 1 has no weight, mean, std/, [column, { name: 'y' }]],
  modelSvg: [modelSvg, /item 0 is a text/, ['x']],
}

suite('arguments that another function gives', () => {
  for (const [name, [call, missing, incomplete]] of Object.entries(functions))
    test(`${name} refuses what is none, and says what it is`, () => {
      const refusal = (message: RegExp) => ({ code: 'VGM_USAGE', message, fix: /^Give / })
      for (const value of [undefined, null, 5, 'x', () => 1])
        throws(() => call(value as never), refusal(new RegExp(`^${name}: its \\w+ is `)))
      throws(() => call(incomplete as never), refusal(new RegExp(`^${name}: .*${missing.source}`)))
    })

  test('modelNamed refuses what is no follower', async () => {
    for (const models of [undefined, {}, 'x'])
      await rejects(library.modelNamed(models as never, 'trips', 1), {
        code: 'VGM_USAGE',
        message: 'modelNamed: its first argument is no follower',
      })
  })
})
