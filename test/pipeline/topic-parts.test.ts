import { rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import {
  defineTransform,
  exportTopic,
  fitDataset,
  generateRows,
  loadFile,
  normalizeTopic,
  parseRowSpec,
  replayTopic,
  restoreTopic,
  sampleTopic,
  transformRows,
  verifyDataset,
} from '../../src/pipeline/index.ts'
import { withoutBrokers } from './without-brokers.ts'

const dataset = 'd'
const spec = parseRowSpec('x:int=normal(0,1)')
const transform = defineTransform({ name: 'same', columns: ['x'], apply: () => undefined })

/** Each function of the library with `topic` for rows. */
const calls: readonly (readonly [
  string,
  (cluster: ClusterSession, topic: string, modelsTopic?: string) => Promise<unknown>,
])[] = [
  ['loadFile', (cluster, topic, modelsTopic) => loadFile(cluster, { dataset, file: 'd.csv', topic, modelsTopic })],
  [
    'generateRows',
    (cluster, topic, modelsTopic) => generateRows(cluster, { dataset, spec, rows: 1, topic, modelsTopic }),
  ],
  ['sampleTopic', (cluster, topic, modelsTopic) => sampleTopic(cluster, { dataset, sampleTopic: topic, modelsTopic })],
  ['fitDataset', (cluster, rawTopic, modelsTopic) => fitDataset(cluster, { dataset, rawTopic, modelsTopic })],
  [
    'normalizeTopic',
    (cluster, normalized, modelsTopic) => normalizeTopic(cluster, { dataset, topics: { normalized }, modelsTopic }),
  ],
  [
    'restoreTopic',
    (cluster, deadLetters, modelsTopic) => restoreTopic(cluster, { dataset, topics: { deadLetters }, modelsTopic }),
  ],
  ['replayTopic', (cluster, output, modelsTopic) => replayTopic(cluster, { dataset, model: 1, output, modelsTopic })],
  [
    'verifyDataset',
    (cluster, restored, modelsTopic) => verifyDataset(cluster, { dataset, topics: { restored }, modelsTopic }),
  ],
  ['exportTopic', (cluster, topic, modelsTopic) => exportTopic(cluster, { topic, file: 'd.csv', modelsTopic })],
]

const twoParts = (topic: string) => ({ code: 'VGM_USAGE', message: new RegExp(`Topic ${topic} has two roles`) })

suite("a topic of rows that is the models' or the positions' is refused before a broker is asked", () => {
  for (const [name, call] of calls)
    test(`by ${name}`, () =>
      withoutBrokers(async (cluster) => {
        await rejects(call(cluster, 'vgm.models'), twoParts('vgm.models'))
        await rejects(call(cluster, 'm', 'm'), twoParts('m'))
        await rejects(call(cluster, 'p'), twoParts('p'))
      }))

  test('by transformRows, for its input, its output and its dead letters', () =>
    withoutBrokers(async (cluster) => {
      for (const topic of ['vgm.models', 'p']) {
        const refused = twoParts(topic)
        await rejects(transformRows(cluster, { transform, inputTopic: topic, outputTopic: 'b' }), refused)
        await rejects(transformRows(cluster, { transform, inputTopic: 'a', outputTopic: topic }), refused)
        await rejects(
          transformRows(cluster, { transform, inputTopic: 'a', outputTopic: 'b', deadLetterTopic: topic }),
          refused,
        )
      }
      await rejects(
        transformRows(cluster, { transform, inputTopic: 'a', outputTopic: 'b', deadLetterTopic: 'a' }),
        twoParts('a'),
      )
    }))
})
