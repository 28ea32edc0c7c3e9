import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Peer, PeerSetting, PeerTask, PreparePeers, StockTask } from '../../src/bench/peers.ts'
import { rowShapes } from '../../src/bench/row-shapes.ts'
import { oneThread, peersPython } from '../mixture/peers-python.ts'
import { javaPeers, type RunJava } from './java-peers.ts'
import { franzGoPeer, librdkafkaPeer } from './native-peers.ts'
import { writePeerModel } from './peer-model.ts'
import { consumerPerfTest, producerPerfTest } from './perf-tools.ts'
import { confluentKafkaPython } from './python-peers.ts'
import { parsePeerResult, runProgram } from './run-program.ts'

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** Makes ready whatever this machine has the tools for, and says what it leaves out. */
export const preparePeers: PreparePeers = async (setting) => {
  const { say } = setting
  const java = await unlessMissing('the Java peers', say, javaPeers)
  const librdkafka = await unlessMissing('librdkafka', say, librdkafkaPeer)
  const franzGo = await unlessMissing('franz-go', say, franzGoPeer)
  const python = await unlessMissing('confluent-kafka', say, confluentKafkaPython)
  const rdtPython = await unlessMissing('rdt', say, async () => peersPython())
  const peers = [
    ...(java === undefined ? [] : jvmPeers(java, setting)),
    ...(librdkafka === undefined ? [] : librdkafkaPeers(librdkafka, setting)),
    ...(franzGo === undefined ? [] : [peer(setting, 'franzGo', rowShapes, Infinity, franzGo)]),
    peer(setting, 'kafkajs', ['oneDouble'], 500_000, (flags) =>
      runProgram(process.execPath, [beside('kafkajs-normalize.ts'), ...flags]),
    ),
  ]
  if (python !== undefined)
    peers.push(
      peer(setting, 'pythonConfluentKafka', ['oneDouble'], 5_000_000, (flags) =>
        runProgram(python, [beside('confluent_kafka_normalize.py'), ...flags]),
      ),
    )
  if (rdtPython !== undefined)
    peers.push({
      ...peer(setting, 'rdtInMemory', ['oneDouble'], 1_000_000, (flags) =>
        runProgram(rdtPython, [beside('rdt_normalize.py'), ...flags], { environment: oneThread() }),
      ),
      normalizes: false,
    })
  if (java === undefined) return { peers, writeStock: undefined }
  peers.push(...perfTools(java, setting.cluster.settings.brokers))
  return { peers, writeStock: (task) => writeStock(java, setting, task) }
}

type Run = (flags: readonly string[]) => Promise<string>

/** A program that is told its task by flags. */
function peer(
  setting: PeerSetting,
  name: Peer['name'],
  shapes: Peer['shapes'],
  mostRows: number,
  run: Run,
  ...more: readonly string[]
): Peer {
  return {
    ...{ name, shapes, mostRows, normalizes: true },
    run: async (task) => parsePeerResult(await run([...(await flags(task, setting)), ...more])),
  }
}

function jvmPeers(java: RunJava, setting: PeerSetting): Peer[] {
  const state = ['--state', join(setting.folder, 'streams')]
  const run: Run = (args) => java('io.vgmstream.peers.StreamsNormalize', args)
  const streams = (name: Peer['name'], shapes: Peer['shapes'], delivery: string, rows: string) =>
    peer(setting, name, shapes, Infinity, run, '--delivery', delivery, '--rows-as', rows, ...state)
  return [
    streams('kafkaStreamsExactlyOnce', ['oneDouble'], 'exactly-once', 'bytes'),
    streams('kafkaStreamsAtLeastOnce', ['oneDouble'], 'at-least-once', 'bytes'),
    streams('kafkaStreamsGenericRecord', rowShapes, 'exactly-once', 'generic-records'),
    peer(setting, 'flink', rowShapes, Infinity, (args) => java('io.vgmstream.peers.FlinkNormalize', args)),
  ]
}

function librdkafkaPeers(run: Run, setting: PeerSetting): Peer[] {
  return [
    peer(setting, 'librdkafka', rowShapes, Infinity, run),
    peer(setting, 'librdkafkaTwoThreads', rowShapes, Infinity, run, '--threads', '2'),
  ]
}

function perfTools(java: RunJava, brokers: readonly string[]): Peer[] {
  const of = { shapes: ['oneDouble'], normalizes: false } as const
  return [
    {
      ...of,
      name: 'producerPerfTest',
      mostRows: 5_000_000,
      run: (task) => producerPerfTest(java, brokers, task),
    },
    {
      ...of,
      name: 'consumerPerfTest',
      mostRows: Infinity,
      run: (task) => consumerPerfTest(java, brokers, task),
    },
  ]
}

async function writeStock(java: RunJava, { cluster }: PeerSetting, { topic, recordsFile, rows, codec }: StockTask) {
  const args = Object.entries({
    brokers: cluster.settings.brokers.join(','),
    output: topic,
    records: recordsFile,
    rows,
    compression: codec,
  })
  return parsePeerResult(await java('io.vgmstream.peers.StockProducer', toFlags(args)))
}

/** What every peer is told; its group and transactional id are its own, so that it begins at the start of its input. */
async function flags(task: PeerTask, { cluster, modelsTopic, folder }: PeerSetting): Promise<string[]> {
  const { dataset, shape, input, output, rows, compression } = task
  const model = join(folder, `model-${dataset}.json`)
  if (!existsSync(model)) await writePeerModel(cluster, { dataset, modelsTopic }, model)
  const group = `peer.${randomBytes(6).toString('hex')}`
  const brokers = cluster.settings.brokers.join(',')
  return toFlags(Object.entries({ brokers, shape, input, output, group, model, rows, compression }))
}

const toFlags = (values: readonly (readonly [string, unknown])[]) =>
  values.flatMap(([name, value]) => [`--${name}`, String(value)])

type Say = PeerSetting['say']

/** Undefined if something is missing that cannot be fetched, which is said. */
async function unlessMissing<T>(what: string, say: Say, prepare: (say: Say) => Promise<T>): Promise<T | undefined> {
  try {
    return await prepare(say)
  } catch (error) {
    say(`Left out: ${what}: ${(error as Error).message.split('\n', 1)[0]}`)
    return undefined
  }
}
