import { equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avsc from 'avsc'
import { exampleContent } from '../model/example-model.ts'
import { framed, TestPipeline } from '../pipeline/test-pipeline.ts'
import { vgmInTerminal } from './in-terminal.ts'
import { vgmShared } from './run-command.ts'

const [shape] = exampleContent().columns
const names = Array.from({ length: 12 }, (_, i) => `measured_value_${i}`)
const columns = names.map((name) => ({ ...shape, name, type: 'double' as const, nullable: false, mean: [3, 700] }))
const type = avsc.Type.forSchema({
  type: 'record',
  name: 'Row',
  fields: names.map((name) => ({ name, type: 'double' })),
})

suite('tables in a terminal of 80 columns', () => {
  test('fit it, with all that they say, and elsewhere each row is one line', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { dataset, modelsTopic, topics, broker } = pipeline
    const id = await pipeline.register(type)
    await pipeline.publish(columns)
    const row = (x: number) => framed(id, type.toBuffer(Object.fromEntries(names.map((name) => [name, x]))))
    const rows = Array.from({ length: 30 }, (_, i) => ({
      key: `a key of some length ${i}`,
      value: i % 5 === 0 ? row(Number.NaN) : i % 7 === 0 ? Buffer.from('no Avro') : row(i),
    }))
    await pipeline.write(topics.raw, [rows, rows])
    await pipeline.normalize()
    const { cluster } = pipeline
    const of = [
      '--dataset',
      dataset,
      '--models-topic',
      modelsTopic,
      '--positions-topic',
      cluster.rows.positionsTopic ?? '',
    ]
    const flags = [...of, '--brokers', broker.settings.brokers.join(','), '--registry', cluster.address.registry]
    const steered = ['--control-topic', `${dataset}.control`]
    for (const command of [
      'model ls',
      'model show',
      'dead-letters ls',
      'dead-letters ls --rows',
      'rate 5000 normalize',
      'pause normalize',
      'lag',
    ]) {
      const isSteered = command.endsWith('normalize') || command === 'lag'
      const args = [...command.split(' '), ...(isSteered ? steered : []), ...flags]
      const { code, text } = await vgmInTerminal(args)
      equal(code, 0, text)
      const lines = text.split('\n').filter((line) => !line.startsWith('took '))
      ok(
        lines.every(({ length }) => length <= 80),
        text,
      )
      const { out } = await vgmShared(args)
      const wordsOf = (words: string) => words.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|\s+|\d+ rows\/s/g, '')
      const letters = (words: string) => [...wordsOf(words)].sort().join('')
      if (!command.includes('normalize')) equal(letters(lines.join('\n')), letters(out), command)
      if (command === 'dead-letters ls --rows') equal(out.trim().split('\n').length, 1 + 2 * 10)
      if (command === 'model ls') equal(out.trim().split('\n').length, 2)
    }
    match((await vgmInTerminal(['dead-letters', 'ls', '--rows', ...flags])).text, /VGM_ROW_NOT_FINITE: /)
  })
})
