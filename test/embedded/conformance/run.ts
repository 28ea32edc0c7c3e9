/**
 * Sends the same requests to Apache Kafka and to the embedded broker and compares the answers.
 *
 *     npm run test:conformance -- --seed 1 --sequences 3000 [--trades log,groups] [--left ADDRESS] [--right ADDRESS]
 *
 * The left broker is Apache Kafka: KAFKA_BROKERS, or --left. The right one is an embedded broker of this process, or
 * --right: the same address twice shows whether the comparison itself is deterministic.
 */
import { parseArgs } from 'node:util'
import { startEmbeddedBroker } from '../../../src/embedded/embedded-broker.ts'
import { compareSequences, likeKafka, newTally } from './conformance.ts'
import { reportOf } from './report.ts'
import { quickTrades, type Trade, trades } from './trades.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    sequences: { type: 'string', default: '1000' },
    trades: { type: 'string', default: quickTrades.join(',') },
    width: { type: 'string', default: '6' },
    left: { type: 'string', default: process.env.KAFKA_BROKERS },
    right: { type: 'string' },
  },
})
const chosen = values.trades.split(',') as Trade[]
const { left } = values
if (left === undefined || chosen.some((trade) => !trades.includes(trade))) {
  process.stderr.write(`Set KAFKA_BROKERS or --left, and choose --trades from ${trades.join(', ')}\n`)
  process.exit(2)
}
const [seed, sequences, width] = [values.seed, values.sequences, values.width].map(Number)
process.stdout.write(`Seed ${seed}: ${sequences} sequences of ${chosen.join(', ')}\n`)
const embedded = values.right === undefined ? await startEmbeddedBroker({ settings: likeKafka }) : undefined
const right = values.right ?? embedded?.brokers ?? ''
const tally = newTally()
const progress = setInterval(() => {
  process.stdout.write(`${tally.sequences} sequences, ${tally.found.size} kinds of differences\n`)
}, 10_000)
await compareSequences(
  [
    { name: 'Apache Kafka', address: left },
    { name: 'embedded', address: right },
  ],
  chosen,
  seed,
  sequences,
  tally,
  { width },
)
clearInterval(progress)
await embedded?.stop()
process.stdout.write(`${reportOf(tally)}\n`)
process.exitCode = tally.found.size === 0 ? 0 : 1
