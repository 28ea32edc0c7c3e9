import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const betweenAttemptsMs = 50
const answerTimeoutMs = 2000

/**
 * Size, Metadata request v1, correlation id 1, no client id, no topics:
 * https://kafka.apache.org/protocol#The_Messages_Metadata. Bytes by hand because no client may be imported here, and
 * none tells a fenced broker from a live one sooner.
 */
const metadataRequest = Buffer.from('0000000e' + '0003' + '0001' + '00000001' + 'ffff' + '00000000', 'hex')

/**
 * Whether the first of the brokers answers a metadata request with at least one live broker. A port that is merely open
 * does not count: Kafka opens it before it has joined its own cluster.
 *
 * @param brokers `host:port`, separated by commas
 */
export function brokerAnswers(brokers: string): Promise<boolean> {
  const { hostname, port } = new URL(`kafka://${brokers.split(',')[0]}`)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }, () =>
      socket.write(metadataRequest),
    )
    let answer = Buffer.alloc(0)
    const settle = (ready: boolean): void => {
      socket.destroy()
      resolve(ready)
    }
    socket.setTimeout(answerTimeoutMs, () => settle(false))
    socket.on('data', (bytes) => {
      answer = Buffer.concat([answer, bytes])
      // size, correlation id, number of brokers
      if (answer.length >= 12) settle(answer.readInt32BE(8) > 0)
    })
    socket.on('error', () => settle(false))
    socket.on('close', () => settle(false))
  })
}

/** Whether the registry lists its subjects. */
export async function registryAnswers(registry: string): Promise<boolean> {
  try {
    const response = await fetch(`${registry}/subjects`, { signal: AbortSignal.timeout(answerTimeoutMs) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

/** Asks until the answer is yes (true), or the time is over or the signal fires (false). */
export async function untilReady(
  ready: () => Promise<boolean>,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (!(await ready())) {
    if (signal?.aborted || performance.now() > deadline) return false
    await sleep(betweenAttemptsMs)
  }
  return true
}
