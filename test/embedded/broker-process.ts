import { startEmbeddedBroker } from '../../src/embedded/embedded-broker.ts'

/** A broker to be killed: `node broker-process.ts FOLDER PORT` prints its address, and what it logs on stderr. */
const [dataDir, port] = process.argv.slice(2)
const log = (line: string) => void process.stderr.write(`${line}\n`)
const broker = await startEmbeddedBroker({ dataDir, port: Number(port), log })
process.stdout.write(`${broker.brokers}\n`)
