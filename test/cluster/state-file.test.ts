import { deepEqual, equal, match } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { clearEnd, readEnd, sayEnd } from '../../src/cluster/last-end.ts'
import { findLocalCluster, localClusterStatus, stopLocalCluster } from '../../src/cluster/local-cluster.ts'
import { type ClusterState, claimState, clearState, readState } from '../../src/cluster/state-file.ts'
import { identifyProcess, isRunning, signalProcess } from '../../src/embedded/process-identity.ts'

/** Nothing listens on these ports. */
const state: ClusterState = {
  kind: 'jvm',
  brokers: '127.0.0.1:1',
  registry: 'http://127.0.0.1:2/apis/ccompat/v7',
  startedAtMs: 1_800_000_000_000,
}

suite('the state file', () => {
  test('the state file returns what was written', (t) => {
    const file = stateFile(t)
    equal(claimState(state, file), true)
    deepEqual(readState(file), state)
  })

  test('belongs to whoever writes it first, and leaves no draft behind', (t) => {
    const file = stateFile(t)
    claimState(state, file)
    equal(claimState({ ...state, startedAtMs: state.startedAtMs + 1 }, file), false)
    deepEqual(readState(file), state)
    deepEqual(readdirSync(join(file, '..')), ['cluster.json'])
  })

  test('is not removed by a cluster that is no longer in it', (t) => {
    const file = stateFile(t)
    claimState(state, file)
    clearState({ ...state, startedAtMs: state.startedAtMs - 1 }, file)
    equal(existsSync(file), true)
    clearState(state, file)
    equal(existsSync(file), false)
  })

  test('that holds something else counts as none', (t) => {
    const file = stateFile(t)
    writeFileSync(file, '{"kind": "jvm"')
    equal(readState(file), undefined)
  })
})

suite('a local cluster from the state file', () => {
  test('whose supervisor is gone is none, and its state is removed', async (t) => {
    const file = stateFile(t)
    const child = spawn('sleep', ['60'])
    const supervisor = identifyProcess(child.pid!)!
    child.kill('SIGKILL')
    await once(child, 'exit')
    claimState({ ...state, supervisor }, file)
    equal(await findLocalCluster(file), undefined)
    equal(existsSync(file), false)
    // It tells how, until somebody was told.
    match(sayEnd(readEnd(file)!), /^The last local cluster ended by itself at 20.*: its process was killed/)
    clearEnd(file)
    equal(readEnd(file), undefined)
  })

  test('that does not answer is not found, but its status says that it should be there', async (t) => {
    const file = stateFile(t)
    claimState({ ...state, supervisor: identifyProcess(process.pid)! }, file)
    equal(await findLocalCluster(file), undefined)
    equal((await localClusterStatus(file))?.alive, false)
  })

  test('never ends a process that only has the number of its supervisor', async (t) => {
    const file = stateFile(t)
    const child = spawn('sleep', ['60'])
    t.after(() => child.kill('SIGKILL'))
    claimState({ ...state, supervisor: { pid: child.pid!, startedAt: 'another time' } }, file)
    equal(await stopLocalCluster(file), false)
    equal(existsSync(file), false)
    equal(isRunning(identifyProcess(child.pid!)!), true)
  })

  test('cannot be stopped where there is none', async (t) => {
    equal(await stopLocalCluster(stateFile(t)), false)
  })
})

test('a process is told from an earlier one with the same number by when it started', async () => {
  const child = spawn('sleep', ['60'])
  const identity = identifyProcess(child.pid!)!
  equal(isRunning(identity), true)
  equal(signalProcess({ ...identity, startedAt: 'another time' }, 'SIGKILL'), false)
  equal(signalProcess(identity, 'SIGKILL'), true)
  await once(child, 'exit')
  equal(isRunning(identity), false)
})

function stateFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'cluster.json')
}
