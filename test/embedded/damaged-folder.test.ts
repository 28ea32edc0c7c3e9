import { deepEqual, equal, rejects } from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { FileStores } from '../../src/embedded/log-stores.ts'
import { StorageError } from '../../src/embedded/storage-error.ts'
import { AskedBroker } from './asked-broker.ts'
import { valuesOf } from './core/batches.ts'

/** A folder of logs of a broker that was stopped, or killed, after it has taken rows. */
async function usedFolder(t: TestContext, isStopped = true): Promise<string> {
  const logs = mkdtempSync(join(tmpdir(), 'vgm-damaged-'))
  t.after(() => rmSync(logs, { recursive: true }))
  const { asked, close } = await start(logs)
  await asked.createTopic('a', 2)
  await asked.createTopic('b')
  for (const [topic, index] of [
    ['a', 0],
    ['a', 1],
    ['b', 0],
  ] as const)
    await asked.produce(topic, index, [`${topic}-${index}`])
  await close(isStopped)
  return logs
}

async function start(logs: string) {
  const lines: string[] = []
  const stores = new FileStores(logs, { log: (line) => lines.push(line) })
  try {
    const asked = new AskedBroker({ stores })
    await asked.broker.start()
    const close = async (isStopped = true) => {
      if (isStopped) await asked.broker.close()
      stores.close()
    }
    return { asked, stores, lines, close }
  } catch (error) {
    stores.close()
    throw error
  }
}

async function rowsOf(asked: AskedBroker, topic: string, partition: number) {
  const { responses } = await asked.fetch([{ topic, partition, offset: 0 }])
  const { records } = responses[0].partitions[0]
  return valuesOf([records ?? []].flat() as Buffer[])
}

const damaged = (message: RegExp, fix: RegExp) => ({ code: 'VGM_BROKER_LOG_DAMAGED', message, fix })

suite('the embedded broker with a folder that is not what it was', () => {
  test('does not read the rows of a copied log as those of a new topic, and keeps them', async (t) => {
    const logs = await usedFolder(t)
    cpSync(join(logs, 'a-0'), join(logs, 'y-0'), { recursive: true })
    const { asked, lines, close } = await start(logs)
    deepEqual(lines, [`The embedded broker leaves alone logs in ${logs} that are of none of its topics: y-0`])
    await asked.createTopic('y')
    deepEqual(await rowsOf(asked, 'y', 0), [])
    deepEqual(lines.slice(1), [`y-0 is a new log: rows that were in its folder are in ${join(logs, 'y-0.stray')} now`])
    await close()
    equal(existsSync(join(logs, 'y-0.stray', 'log.json')), true)
  })

  test('refuses a log in the place of another one', async (t) => {
    const logs = await usedFolder(t)
    rmSync(join(logs, 'b-0'), { recursive: true })
    cpSync(join(logs, 'a-0'), join(logs, 'b-0'), { recursive: true })
    await rejects(start(logs), damaged(/b-0: the rows there are those of another topic/, /move the folder away/))
    rmSync(join(logs, 'b-0', 'log.json'))
    await rejects(start(logs), damaged(/b-0: nothing says whose rows are there/, /move the folder away/))
  })

  test('refuses a log that is missing, until an empty folder says that this is meant', async (t) => {
    const logs = await usedFolder(t)
    for (const name of ['a-1', '__consumer_offsets-0']) {
      const folder = join(logs, name)
      rmSync(folder, { recursive: true })
      await rejects(start(logs), damaged(new RegExp(`${name}: the log is missing`), /make an empty folder/))
      mkdirSync(folder)
      const { asked, lines, close } = await start(logs)
      deepEqual(lines, [`${folder} is empty: the rows that the log had are gone, and it begins anew`])
      deepEqual(await rowsOf(asked, 'a', 1), name === 'a-1' ? [] : ['new'])
      await asked.produce('a', 1, ['new'])
      await close()
    }
  })

  test('refuses a file of a log that cannot be read', async (t) => {
    const logs = await usedFolder(t)
    const path = join(logs, 'a-0', 'log.json')
    for (const text of ['', '{bad', 'null']) {
      writeFileSync(path, text)
      await rejects(start(logs), damaged(/a-0\/log\.json: it is not what the broker has written/, /remove/))
    }
  })

  test('refuses rows whose topics are not known any more, as often as it is started', async (t) => {
    const logs = await usedFolder(t)
    rmSync(join(logs, 'metadata'), { recursive: true })
    const missing = damaged(
      /metadata: the list of topics is missing or damaged.*: a-0, a-1, b-0$/,
      /move those folders/,
    )
    for (let starts = 0; starts < 2; starts++) await rejects(start(logs), missing)
    for (const name of ['a-0', 'a-1', 'b-0']) rmSync(join(logs, name), { recursive: true })
    const { close } = await start(logs)
    await close()
  })

  for (const isStopped of [false, true])
    test(`refuses metadata with changed bytes, ${isStopped ? 'with' : 'without'} a checkpoint`, async (t) => {
      const logs = await usedFolder(t, isStopped)
      const folder = join(logs, 'metadata')
      const path = join(folder, readdirSync(folder).find((name) => name.endsWith('.log'))!)
      writeFileSync(path, readFileSync(path).fill(1, 100, 104))
      for (let starts = 0; starts < 2; starts++)
        await rejects(
          start(logs),
          damaged(/metadata: .*(damaged|not what its checkpoint says)/, /Restore it from a copy/),
        )
    })

  test('removes the logs of a topic that was deleted before it could do so', async (t) => {
    const logs = await usedFolder(t)
    const { asked, stores, close } = await start(logs)
    stores.remove = () => {
      throw new StorageError('remove', logs, 'the process is killed')
    }
    const topics = [{ name: 'b', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }]
    await rejects(asked.ask('DeleteTopics', { topics, timeoutMs: 1_000 }), StorageError)
    await close(false)
    equal(existsSync(join(logs, 'b-0')), true)
    const again = await start(logs)
    deepEqual([again.lines, existsSync(join(logs, 'b-0'))], [[], false])
    await again.close()
  })
})
