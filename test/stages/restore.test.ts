import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Model } from '../../src/model/model.ts'
import { deriveNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { PartitionOutput } from '../../src/stages/partition-output.ts'
import { RestoreTransform } from '../../src/stages/restore.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed } from '../rows/records-of.ts'
import { applyBatch, batchOf } from './apply-batch.ts'

const content = exampleContent()
const [column] = content.columns
const hash = (version: number) => String(version).repeat(64)

/**
 * A restore of rows with so many columns; the models exist in every version, and `asked` are those that were asked for.
 */
function restoreOf(columnCount: number, stamped?: { version: number; content: string }) {
  const columns = Array.from({ length: columnCount }, (_, c) => ({
    ...column,
    name: `c${c}`,
    type: 'double' as const,
    nullable: false,
  }))
  const fields = columns.map(({ name }) => ({ name, type: 'double' }))
  const raw = JSON.stringify({ type: 'record', name: 'Wide', fields })
  const normalized = deriveNormalizedSchema(raw, columns, stamped === undefined ? {} : { model: stamped })
  const asked: number[] = []
  let slices = 0
  const transform = new RestoreTransform({
    modelVersion: async (version): Promise<Model> => {
      asked.push(version)
      return { ...content, columns, version, createdAtMs: 0, contentSha256: hash(version) }
    },
    onSlice: async () => void slices++,
    registry: { schemaById: async () => normalized, register: async () => 9 },
    subject: 'wide.restored-value',
    onUnusableSchema: (_id, reason) => {
      throw new Error(reason)
    },
  })
  const output = new PartitionOutput(
    'wide.restored',
    0,
    { batchBytes: 1024 * 1024, largestBytes: 1024 * 1024 },
    async (_topic, _partition, batch) => batch.clear(),
  )
  const deadLetter = async () => {
    throw new Error('a dead letter')
  }
  const restore = async (...versions: readonly number[]) => {
    await transform.beginSlice()
    const rows = versions.map((version) => {
      const body = new Uint8Array(1 + 9 * columnCount)
      body[0] = 2 * version
      return framed(7, body)
    })
    const target = { source: { topic: 'wide.normalized', partition: 0 }, output, deadLetter }
    await applyBatch(transform, batchOf(rows), target)
    await output.flush()
    return output.takeRows()
  }
  return { restore, asked, slices: () => slices }
}

suite('restoring rows', () => {
  test('models are kept as long as they are few, and those that were used last', async () => {
    const { restore, asked, slices } = restoreOf(8_192)
    equal(await restore(1, 2, 3, 4, 1, 2, 4, 3, 1), 9)
    deepEqual(asked, [1, 2, 3, 4])
    // A fifth one has no room beside the four: the second was not used for longest.
    await restore(5, 1, 3, 4)
    deepEqual(asked, [1, 2, 3, 4, 5])
    await restore(2, 1)
    deepEqual(asked, [1, 2, 3, 4, 5, 2])
    equal(slices(), 3)
  })

  test('rows whose schema names another model of their version are not restored', async () => {
    const same = restoreOf(2, { version: 3, content: hash(3) })
    equal(await same.restore(3, 4), 2)
    const other = restoreOf(2, { version: 3, content: hash(5) })
    await rejects(other.restore(3), {
      code: 'VGM_MODEL_REPLACED',
      exitCode: 2,
      message: /schema 7 .* version 3 .* content 555555555555, .* content 333333333333/,
    })
  })
})
