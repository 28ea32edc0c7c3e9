import { deepEqual, equal, match, rejects, throws } from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeDataFolder } from '../../src/cluster/data-folder.ts'
import { readEnd } from '../../src/cluster/last-end.ts'
import { localClusterStatus, stopLocalCluster } from '../../src/cluster/local-cluster.ts'
import { makeOwnFolder } from '../../src/cluster/own-files.ts'
import { startCluster } from '../../src/cluster/start-cluster.ts'
import { startEmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { TestBroker } from '../kafka/test-broker.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-data-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Local clusters are those of a state folder of the test's own. */
function ownState(t: TestContext): void {
  const { XDG_STATE_HOME } = process.env
  process.env.XDG_STATE_HOME = newFolder(t)
  t.after(async () => {
    await stopLocalCluster()
    if (XDG_STATE_HOME === undefined) delete process.env.XDG_STATE_HOME
    else process.env.XDG_STATE_HOME = XDG_STATE_HOME
  })
}

const usage = (message: RegExp) => ({ code: 'VGM_USAGE', exitCode: 2, message })

suite('a data folder', () => {
  test('is made with those above it, and left as it is', (t) => {
    const folder = join(newFolder(t), 'a', 'b')
    makeDataFolder(folder)
    makeDataFolder(folder)
    deepEqual(readdirSync(folder), [])
  })

  test('that cannot be used is refused with the reason', (t) => {
    const root = newFolder(t)
    writeFileSync(join(root, 'file'), '')
    symlinkSync(join(root, 'nowhere'), join(root, 'link'))
    for (const [path, reason] of [
      [join(root, 'file'), /there is a file, or a link that leads nowhere/],
      [join(root, 'link'), /there is a file, or a link that leads nowhere/],
      [join(root, 'file', 'in'), /is a file/],
      [join(root, 'long'.repeat(100)), /name is too long/],
    ] as const)
      throws(() => makeDataFolder(path), { ...usage(reason), fix: /Name a folder/ })
  })

  test('below a folder that takes none is refused in a moment', { skip: process.platform !== 'linux' }, () => {
    throws(() => makeDataFolder('/proc/vgm/data'), usage(/no folder can be made there/))
    throws(() => makeOwnFolder('/proc/vgm/state'), usage(/cannot be made/))
  })

  test('without a name is refused', async () => {
    await rejects(startCluster({ kind: 'embedded', dataDir: '' }), usage(/is empty/))
    await rejects(startEmbeddedBroker({ dataDir: '' }), usage(/is empty/))
  })
})

suite('a local cluster with a data folder', () => {
  test('tells what was found at its start, and what keeps it from starting', async (t) => {
    ownState(t)
    const dataDir = newFolder(t)
    mkdirSync(join(dataDir, 'embedded', 'logs'), { recursive: true })
    writeFileSync(join(dataDir, 'embedded', 'logs', 'notes.txt'), '')
    const lines: string[] = []
    const { stop } = await startCluster({ kind: 'embedded', dataDir, log: (line) => lines.push(line) })
    match(lines.join(), /leaves alone what it has not written in .*notes\.txt/)
    match(readFileSync(join(dataDir, 'embedded.log'), 'utf8'), /notes\.txt/)
    await rejects(startCluster({ kind: 'embedded', dataDir }), {
      code: 'VGM_CLUSTER_START',
      exitCode: 2,
      message: /is in use: the embedded broker of process \d+$/,
      fix: /End that broker .*, or take another folder/,
    })
    await stop()
    writeFileSync(join(dataDir, 'embedded', 'schemas.jsonl'), 'damaged\n')
    await rejects(startCluster({ kind: 'embedded', dataDir }), {
      message: /schemas\.jsonl: line 1 is damaged/,
      fix: /Restore the file from a copy, or move it away/,
    })
  })

  test('that ends by itself tells when, and why', async (t) => {
    ownState(t)
    const dataDir = newFolder(t)
    const { brokers } = await startCluster({ kind: 'embedded', dataDir, detached: true })
    equal((await localClusterStatus())?.dataDir, dataDir)
    const logs = join(dataDir, 'embedded', 'logs')
    rmSync(logs, { recursive: true })
    writeFileSync(logs, '')
    const creating = TestBroker.at(t, brokers)
      .createTopic()
      .catch(() => undefined)
    const deadline = performance.now() + 20_000
    while ((await localClusterStatus()) !== undefined && performance.now() < deadline) await sleep(50)
    match(readEnd()!.reason, /The embedded broker ends: .*ENOTDIR|EEXIST/)
    equal(readEnd()!.logFile, join(dataDir, 'embedded.log'))
    await creating
  })
})
