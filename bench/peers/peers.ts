import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Peer, PeerSetting, PeerTask, PreparePeers, StockCodec } from '../../src/bench/peers.ts'
import { oneThread, peersPython } from '../mixture/peers-python.ts'
import { javaPeers, type RunJava } from './java-peers.ts'
import { writePeerModel } from './peer-model.ts'
import { consumerPerfTest, producerPerfTest } from './perf-tools.ts'
import { confluentKafkaPython } from './python-peers.ts'
import { parsePeerResult, runProgram } from './run-program.ts'

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** Makes ready whatever this machine has the tools for, and says what it leaves out. */
export const preparePeers: PreparePeers = async (setting) => {
  const modelFile = join(setting.folder, 'model.json')
  await writePeerModel(setting.cluster, setting, modelFile)
  const java = await unlessMissing('the Java peers', setting, () => javaPeers(setting.say))
  const python = await unlessMissing('confluent-kafka', setting, () => confluentKafkaPython(setting.say))
  const rdtPython = await unlessMissing('rdt', setting, async () => peersPython())
  const peers: Peer[] = []
  if (java !== undefined) peers.push(...onJava(java, setting, modelFile))
  peers.push({
    name: 'kafkajs',
    mostRows: 500_000,
    run: async (task) =>
      parsePeerResult(
        await runProgram(process.execPath, [beside('kafkajs-normalize.ts'), ...flags(task, setting, modelFile)]),
      ),
  })
  if (python !== undefined)
    peers.push({
      name: 'pythonConfluentKafka',
      mostRows: 5_000_000,
      run: async (task) =>
        parsePeerResult(
          await runProgram(python, [beside('confluent_kafka_normalize.py'), ...flags(task, setting, modelFile)]),
        ),
    })
  if (rdtPython !== undefined)
    peers.push({
      name: 'rdtInMemory',
      mostRows: 1_000_000,
      run: async (task) =>
        parsePeerResult(
          await runProgram(rdtPython, [beside('rdt_normalize.py'), ...flags(task, setting, modelFile)], {
            environment: oneThread(),
          }),
        ),
    })
  const writeStock = async (output: string, rows: number, codec: StockCodec) => {
    const args = ['--output', output, '--rows', String(rows), '--compression', codec]
    const target = ['--brokers', setting.cluster.settings.brokers.join(','), '--model', modelFile]
    return parsePeerResult(await (java as RunJava)('io.vgmstream.peers.StockProducer', [...args, ...target]))
  }
  return { peers, writeStock: java === undefined ? undefined : writeStock }
}

function onJava(java: RunJava, setting: PeerSetting, modelFile: string): Peer[] {
  const streams = (name: Peer['name'], delivery: string): Peer => ({
    name,
    mostRows: Infinity,
    run: async (task) => {
      const more = ['--delivery', delivery, '--state', join(setting.folder, 'streams')]
      return parsePeerResult(
        await java('io.vgmstream.peers.StreamsNormalize', [...flags(task, setting, modelFile), ...more]),
      )
    },
  })
  return [
    streams('kafkaStreamsExactlyOnce', 'exactly-once'),
    streams('kafkaStreamsAtLeastOnce', 'at-least-once'),
    {
      name: 'producerPerfTest',
      mostRows: 5_000_000,
      run: (task) => producerPerfTest(java, setting.cluster.settings.brokers, task),
    },
    {
      name: 'consumerPerfTest',
      mostRows: Infinity,
      run: (task) => consumerPerfTest(java, setting.cluster.settings.brokers, task),
    },
  ]
}

/** What every peer is told; its group and transactional id are its own, so that it begins at the start of its input. */
function flags({ input, output, rows }: PeerTask, { cluster }: PeerSetting, modelFile: string): string[] {
  const group = `peer.${randomBytes(6).toString('hex')}`
  return Object.entries({
    brokers: cluster.settings.brokers.join(','),
    input,
    output,
    group,
    model: modelFile,
    rows,
  }).flatMap(([name, value]) => [`--${name}`, String(value)])
}

/** Undefined if something is missing that cannot be fetched, which is said. */
async function unlessMissing<T>(what: string, { say }: PeerSetting, prepare: () => Promise<T>): Promise<T | undefined> {
  try {
    return await prepare()
  } catch (error) {
    say(`Left out: ${what}: ${(error as Error).message.split('\n', 1)[0]}`)
    return undefined
  }
}
