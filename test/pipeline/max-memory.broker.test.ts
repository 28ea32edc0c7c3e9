import { equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import avsc from 'avsc'
import { defineTransform, transformRows } from '../../src/pipeline/index.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { vgm } from '../commands/run-command.ts'
import { TestPipeline } from './test-pipeline.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const mebibyte = 2 ** 20
const leastMemory = 16 * mebibyte
/** Of the kernel, of the columns of 32,768 rows, and of connections. */
const workBytes = 12 * mebibyte

const type = avsc.Type.forSchema({ type: 'record', name: 'Pair', fields: [{ name: 'x', type: 'double' }] })

suite("the limit of a member's memory, on a broker", () => {
  test('buffers stay below it, however many partitions there are, and every row arrives', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, topics, dataset } = pipeline
    await pipeline.register(type)
    const rows = 2_000_000
    const partitions = 300
    collect()
    const before = process.memoryUsage().arrayBuffers
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    // In another process: what is left of its buffers goes when it likes.
    const generate = ['generate', '--dataset', dataset, '--spec', 'x:double=normal(0,1)', '--rows', String(rows)]
    const { code, err } = await vgm([...generate, '--partitions', String(partitions)], { environment })
    equal(code, 0, err)
    /** The most bytes of buffers while rows are copied. */
    const copied = async (maxMemory: number | undefined): Promise<number> => {
      let [most, calls] = [0, 0]
      const transform = defineTransform({
        name: 'copy',
        columns: ['x'],
        apply: () => {
          if (calls++ % 20 !== 0) return
          collect()
          most = Math.max(most, process.memoryUsage().arrayBuffers - before)
        },
      })
      const options = {
        transform,
        inputTopic: topics.raw,
        outputTopic: uniqueName('copied'),
        untilEnd: true,
        maxMemory,
      }
      const { rowsOut } = await transformRows(cluster, options)
      equal(rowsOut, rows)
      return most
    }
    const [limited, usual] = [await copied(leastMemory), await copied(undefined)]
    ok(limited < leastMemory + workBytes, `at most ${limited} bytes of buffers`)
    ok(usual > leastMemory + workBytes, `${usual} bytes without a limit: rows that no limit would be noticed by`)
  })

  test('a limit that the batches of a topic exceed is refused, and says what is enough', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, broker } = pipeline
    const input = await broker.createTopic(1, { 'max.message.bytes': String(5 * mebibyte) })
    const transform = defineTransform({ name: 'copy', columns: ['x'], apply: () => undefined })
    const options = { transform, inputTopic: input, outputTopic: uniqueName('copied'), untilEnd: true }
    await rejects(transformRows(cluster, { ...options, maxMemory: 16 * mebibyte }), {
      code: 'VGM_USAGE',
      exitCode: 2,
      message: /--max-memory/,
      fix: /at least 21MiB/,
    })
  })
})
