import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PeerTask } from '../../src/bench/peers.ts'
import type { RunJava } from './java-peers.ts'
import type { PeerResult } from './run-program.ts'

/** The magic byte, the schema id, and a double. */
const rowBytes = 13

/** Kafka's kafka-producer-perf-test.sh with rows of our size: it sends one array over and over. */
export async function producerPerfTest(
  java: RunJava,
  brokers: readonly string[],
  { output, rows }: PeerTask,
): Promise<PeerResult> {
  const settings = [
    `bootstrap.servers=${brokers.join(',')}`,
    'acks=all',
    `batch.size=${512 * 1024}`,
    'linger.ms=20',
    `buffer.memory=${128 * 1024 * 1024}`,
    `send.buffer.bytes=${1024 * 1024}`,
    'compression.type=none',
  ]
  const what = ['--topic', output, '--num-records', String(rows), '--record-size', String(rowBytes)]
  const text = await java('org.apache.kafka.tools.ProducerPerformance', [
    ...what,
    '--throughput',
    '-1',
    '--producer-props',
    ...settings,
  ])
  const speed = /([\d.]+) records\/sec/.exec(text.trim().split('\n').at(-1) ?? '')?.[1]
  if (speed === undefined) throw new Error(`kafka-producer-perf-test printed no speed: ${text}`)
  return { rows, seconds: rows / Number(speed) }
}

/** Kafka's kafka-consumer-perf-test.sh; of its two speeds the one without the time to join. */
export async function consumerPerfTest(
  java: RunJava,
  brokers: readonly string[],
  { input, rows }: PeerTask,
): Promise<PeerResult> {
  const file = join(tmpdir(), `vgm-consumer-${randomBytes(6).toString('hex')}.properties`)
  writeFileSync(file, 'isolation.level=read_committed\nmax.poll.records=20000\n')
  try {
    const text = await java('org.apache.kafka.tools.ConsumerPerformance', [
      '--bootstrap-server',
      brokers.join(','),
      '--topic',
      input,
      '--messages',
      String(rows),
      '--fetch-size',
      String(1024 * 1024),
      '--socket-buffer-size',
      String(1024 * 1024),
      '--consumer.config',
      file,
    ])
    // start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms,
    // fetch.time.ms, ...
    const cells = (text.trim().split('\n').at(-1) ?? '').split(',').map((cell) => cell.trim())
    const [read, fetchMs] = [Number(cells[4]), Number(cells[7])]
    if (!(read > 0 && fetchMs > 0)) throw new Error(`kafka-consumer-perf-test printed no speed: ${text}`)
    return { rows: read, seconds: fetchMs / 1_000 }
  } finally {
    rmSync(file, { force: true })
  }
}
