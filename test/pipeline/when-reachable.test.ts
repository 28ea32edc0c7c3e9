import { equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { noAccess } from '../../src/config/cluster-access.ts'
import { UsageError } from '../../src/errors.ts'
import { RegistryUnreachableError } from '../../src/kafka/registry-errors.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { plainUse, withClusterAt } from '../../src/pipeline/cluster-session.ts'
import { whenReachable } from '../../src/pipeline/when-reachable.ts'
import { silentServer } from '../kafka/silent-server.ts'

const away = () => new RegistryUnreachableError('http://registry', 'connect ECONNREFUSED')
const clusterWith = (signal: AbortSignal, waits = true) => ({ ...plainUse(createLogger('silent'), signal), waits })

suite('a cluster that does not answer', () => {
  test('is given up at once when the process is to end, and not called an error', async (t) => {
    const broker = `127.0.0.1:${await silentServer(t)}`
    const controller = new AbortController()
    const use = plainUse(createLogger('silent'), controller.signal)
    const address = { brokers: [broker], registry: 'http://127.0.0.1:9', access: noAccess }
    const opened = withClusterAt(address, use, async () => 'open')
    setTimeout(() => controller.abort(), 50)
    await rejects(opened, { code: 'VGM_INTERRUPTED' })
  })
})

suite('work before a stage joins its group', () => {
  test('is done once where nobody waits', async () => {
    const cluster = clusterWith(new AbortController().signal, false)
    await rejects(
      whenReachable(cluster, () => Promise.reject(away())),
      { code: 'VGM_REGISTRY_UNREACHABLE' },
    )
  })

  test('is repeated while something is away', async () => {
    let calls = 0
    const work = async () => {
      if (++calls < 2) throw away()
      return calls
    }
    equal(await whenReachable(clusterWith(new AbortController().signal), work), 2)
  })

  test('is given up at once for a reason that does not pass by itself', async () => {
    const work = () => Promise.reject(new UsageError('No', 'Yes'))
    await rejects(whenReachable(clusterWith(new AbortController().signal), work), { code: 'VGM_USAGE' })
  })

  test('ends with the process, however long the work goes on', async () => {
    const controller = new AbortController()
    const waiting = whenReachable(clusterWith(controller.signal), () => new Promise<never>(() => undefined))
    controller.abort()
    await rejects(waiting, { code: 'VGM_INTERRUPTED' })
    await rejects(
      whenReachable(clusterWith(controller.signal), () => Promise.reject(away())),
      { code: 'VGM_INTERRUPTED' },
    )
  })
})
