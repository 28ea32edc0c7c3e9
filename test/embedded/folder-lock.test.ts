import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { lockFolder } from '../../src/embedded/folder-lock.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-lock-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const program = join(import.meta.dirname, 'broker-process.ts')
const inUse = { code: 'VGM_BROKER_FOLDER_IN_USE', exitCode: 2 }
const inNamespace = ['unshare', '-p', '-f', '--mount-proc'] as const
const hasNamespaces = spawnSync(inNamespace[0], [...inNamespace.slice(1), 'true']).status === 0

/** A broker in a process of its own, which may be one of another PID namespace. */
async function startElsewhere(t: TestContext, folder: string, before: readonly string[] = []) {
  const [command, ...args] = [...before, process.execPath, program, folder, '0']
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    // unshare waits for the process in the namespace.
    const [inside] = before.length > 0 ? childrenOf(child.pid!) : []
    process.kill(inside ?? child.pid!, 'SIGKILL')
    await ended
  }
  t.after(kill)
  await once(child.stdout, 'data')
  return { kill }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return text === '' ? [] : text.split(' ').map(Number)
}

suite('the lock of a data folder', () => {
  test('is held by one at a time, and leaves nothing behind', async (t) => {
    const folder = newFolder(t)
    const unlock = await lockFolder(folder)
    await rejects(lockFolder(folder), { ...inUse, fix: /End that broker .*take another folder/ })
    await unlock()
    deepEqual(readdirSync(folder), [])
    const again = await lockFolder(folder)
    await again()
  })

  test('is free again after its holder was killed', async (t) => {
    const folder = newFolder(t)
    const { kill } = await startElsewhere(t, folder)
    await rejects(lockFolder(folder), inUse)
    await kill()
    const unlock = await lockFolder(folder)
    await unlock()
    deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('broker.')),
      [],
    )
  })

  test('is seen from another PID namespace, and by it', { skip: !hasNamespaces }, async (t) => {
    const folder = newFolder(t)
    const { kill } = await startElsewhere(t, folder, inNamespace)
    await rejects(lockFolder(folder), { ...inUse, message: /of another container/ })
    await kill()
    const unlock = await lockFolder(folder)
    const [command, ...args] = [...inNamespace, process.execPath, program, folder, '0']
    match(spawnSync(command, args, { encoding: 'utf8' }).stderr, /is in use/)
    await unlock()
  })

  for (const text of ['', '{bad', 'null', '{}'])
    test(`that is damaged (${JSON.stringify(text)}) counts for nothing, unless a broker answers`, async (t) => {
      const folder = newFolder(t)
      const path = join(folder, 'broker.lock')
      const unlock = await lockFolder(folder)
      writeFileSync(path, text)
      await rejects(lockFolder(folder), { ...inUse, message: /its lock is damaged/ })
      await unlock()
      equal(existsSync(path), true)
      const again = await lockFolder(folder)
      await again()
    })

  test('of another host is refused, and of this host before it started again is not', async (t) => {
    const folder = newFolder(t)
    const path = join(folder, 'broker.lock')
    const unlock = await lockFolder(folder)
    const text = readFileSync(path, 'utf8')
    await unlock()
    const before = { ...JSON.parse(text), bootId: 'another', pid: 7 }
    writeFileSync(path, JSON.stringify({ ...before, host: 'elsewhere' }))
    await rejects(lockFolder(folder), {
      ...inUse,
      message: /process 7 of the host elsewhere/,
      fix: new RegExp(`if it is gone, remove ${path}$`),
    })
    writeFileSync(path, JSON.stringify(before))
    const again = await lockFolder(folder)
    await again()
  })

  test('takes a folder whose path is longer than that of a socket may be', async (t) => {
    const folder = join(newFolder(t), 'long'.repeat(40))
    const unlock = await lockFolder(folder)
    equal(typeof JSON.parse(readFileSync(join(folder, 'broker.lock'), 'utf8')).socket, 'string')
    await rejects(lockFolder(folder), inUse)
    await unlock()
  })
})
