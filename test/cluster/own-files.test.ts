import { deepEqual, equal, throws } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { createClusterFolder, recordOccupants, sweepClusterFolders } from '../../src/cluster/cluster-folder.ts'
import { installationIn, isInstalled } from '../../src/cluster/jvm/installation.ts'
import { stopLocalCluster } from '../../src/cluster/local-cluster.ts'
import { readOwnFile } from '../../src/cluster/own-files.ts'
import { claimState, readState } from '../../src/cluster/state-file.ts'
import { identifyProcess, isRunning } from '../../src/embedded/process-identity.ts'

/**
 * Root can give files away; another user of the machine then reads this test's files as root's own start would read
 * his.
 */
const notRoot = process.getuid?.() === 0 ? false : 'only root can give a file to another user'
const otherUser = 12_345
const gone = { pid: 2 ** 22 + 1, startedAt: 'long ago' }

/** What can be wrong with a folder that says which processes to end; each is done to it and gives the reason. */
const forgeries: readonly { readonly name: string; readonly skip?: string | false; forge(folder: string): void }[] = [
  { name: 'whose folder belongs to another user', skip: notRoot, forge: (folder) => chownSync(folder, otherUser, 0) },
  {
    name: 'whose file belongs to another user',
    skip: notRoot,
    forge: (folder) => chownSync(occupantsOf(folder), otherUser, 0),
  },
  { name: 'whose folder others may write in', forge: (folder) => chmodSync(folder, 0o777) },
  { name: 'whose folder its group may write in', forge: (folder) => chmodSync(folder, 0o770) },
  { name: 'whose file others may write', forge: (folder) => chmodSync(occupantsOf(folder), 0o666) },
  {
    name: 'whose folder is a symbolic link',
    forge: (folder) => {
      const elsewhere = join(folder, '..', 'elsewhere')
      renameSync(folder, elsewhere)
      symlinkSync(elsewhere, folder)
    },
  },
  {
    name: "whose folder is another user's link to one of ours",
    skip: notRoot,
    forge: (folder) => {
      const elsewhere = join(folder, '..', 'elsewhere')
      renameSync(folder, elsewhere)
      symlinkSync(elsewhere, folder)
      lchownSync(folder, otherUser, 0)
    },
  },
  {
    name: 'whose file is a symbolic link',
    forge: (folder) => {
      const elsewhere = join(folder, '..', 'elsewhere.json')
      renameSync(occupantsOf(folder), elsewhere)
      symlinkSync(elsewhere, occupantsOf(folder))
    },
  },
  {
    name: 'whose file is a folder',
    forge: (folder) => {
      rmSync(occupantsOf(folder))
      mkdirSync(occupantsOf(folder))
    },
  },
]

suite('the folder that a killed cluster left behind', () => {
  test('names the processes that the next start ends', async (t) => {
    const { parent, folder, child } = abandoned(t)
    sweepClusterFolders(parent)
    await once(child, 'exit')
    deepEqual([child.signalCode, existsSync(folder)], ['SIGKILL', false])
  })

  for (const { name, skip = false, forge } of forgeries)
    test(`${name} ends no process and is left alone`, { skip }, (t) => {
      const { parent, folder, child } = abandoned(t)
      forge(folder)
      sweepClusterFolders(parent)
      equal(isRunning(identifyProcess(child.pid!)!), true)
      equal(existsSync(folder), true)
    })

  test('that belongs to another user is not removed, however old it is', { skip: notRoot }, (t) => {
    const { parent, folder } = abandoned(t)
    rmSync(occupantsOf(folder))
    utimesSync(folder, 1, 1)
    chownSync(folder, otherUser, 0)
    sweepClusterFolders(parent)
    equal(existsSync(folder), true)
  })

  test('the cache is accessible to its user only', (t) => {
    const { folder } = abandoned(t)
    deepEqual([statSync(folder).mode & 0o777, statSync(occupantsOf(folder)).mode & 0o777], [0o700, 0o600])
  })
})

suite('the state file of a local cluster', () => {
  test('is for its user alone, as is its folder', (t) => {
    const { file } = claimed(t)
    deepEqual([statSync(file).mode & 0o777, statSync(join(file, '..')).mode & 0o777], [0o600, 0o700])
  })

  test('that others may write ends no process, and says what is wrong with it', async (t) => {
    const { file, supervisor } = claimed(t)
    chmodSync(file, 0o646)
    await throwsForeign(() => stopLocalCluster(file), /cluster\.json is not trusted: it may be written by other users/)
    equal(isRunning(identifyProcess(supervisor.pid!)!), true)
  })

  test('of another user ends no process, and says whose it is', { skip: notRoot }, async (t) => {
    const { file, supervisor } = claimed(t)
    chownSync(file, otherUser, 0)
    await throwsForeign(() => stopLocalCluster(file), /it belongs to user 12345/)
    throws(() => readState(file), { code: 'VGM_FOREIGN_FILE', exitCode: 2 })
    equal(isRunning(identifyProcess(supervisor.pid!)!), true)
  })

  test('is not written through a link that stands where its draft would', (t) => {
    const parent = temporaryFolder(t)
    const file = join(parent, 'state', 'cluster.json')
    const victim = join(parent, 'victim')
    writeFileSync(victim, 'precious')
    mkdirSync(join(file, '..'), { mode: 0o700 })
    symlinkSync(victim, `${file}.${process.pid}`)
    equal(claimState(stateOf(gone), file), true)
    equal(readOwnFile(victim), 'precious')
  })
})

suite('the installation in the cache', () => {
  for (const [what, of] of [
    ['the cache', (folder: string) => join(folder, '..')],
    ['its folder', (folder: string) => folder],
  ] as const)
    test(`is not run where others may write in ${what}`, (t) => {
      const installation = installationIn(temporaryFolder(t))
      mkdirSync(installation.folder, { mode: 0o700 })
      equal(isInstalled(installation), true)
      chmodSync(of(installation.folder), 0o777)
      throws(() => isInstalled(installation), { code: 'VGM_FOREIGN_FILE', message: /may be written by other users/ })
    })
})

async function throwsForeign(work: () => Promise<unknown>, message: RegExp): Promise<void> {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  throws(
    () => {
      throw error
    },
    { code: 'VGM_FOREIGN_FILE', message },
  )
}

function occupantsOf(folder: string): string {
  return join(folder, 'occupants.json')
}

/** A cluster folder whose supervisor is gone, and a child that it names, which runs. */
function abandoned(t: TestContext): { parent: string; folder: string; child: ChildProcess } {
  const parent = temporaryFolder(t)
  const child = sleeper(t)
  const folder = createClusterFolder(parent)
  recordOccupants(folder, [child.pid!])
  const occupants = { supervisor: gone, children: [identifyProcess(child.pid!)] }
  writeFileSync(occupantsOf(folder), JSON.stringify(occupants))
  return { parent, folder, child }
}

function claimed(t: TestContext): { file: string; supervisor: ChildProcess } {
  const file = join(temporaryFolder(t), 'state', 'cluster.json')
  const supervisor = sleeper(t)
  equal(claimState(stateOf(identifyProcess(supervisor.pid!)!), file), true)
  return { file, supervisor }
}

function stateOf(supervisor: { pid: number; startedAt: string }) {
  return {
    kind: 'jvm' as const,
    brokers: '127.0.0.1:1',
    registry: 'http://127.0.0.1:2/apis/ccompat/v7',
    startedAtMs: 1_800_000_000_000,
    supervisor,
  }
}

function sleeper(t: TestContext): ChildProcess {
  const child = spawn('sleep', ['60'])
  t.after(() => child.kill('SIGKILL'))
  return child
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}
