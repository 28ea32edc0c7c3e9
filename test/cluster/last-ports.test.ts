import { deepEqual, equal, notEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { freePorts, portIfFree } from '../../src/cluster/free-ports.ts'
import { keepPorts, lastPorts } from '../../src/cluster/last-ports.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'vgm-test-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

suite('the ports of the last cluster', () => {
  test('are kept with its folder', (t) => {
    const dataDir = folder(t)
    deepEqual(lastPorts(dataDir), {})
    keepPorts({ brokers: '127.0.0.1:4001', registry: 'http://127.0.0.1:4002/apis/ccompat/v7' }, dataDir)
    deepEqual(lastPorts(dataDir), { broker: 4001, registry: 4002 })
  })

  test('are unknown if the file is damaged', (t) => {
    const dataDir = folder(t)
    for (const text of ['', '{bad', 'null', '{"broker": "4001", "registry": 70000}', '[]']) {
      writeFileSync(join(dataDir, 'ports.json'), text)
      deepEqual(lastPorts(dataDir), {}, text)
    }
  })

  test('are taken again where they are free', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    t.after(() => taken.close())
    const { port } = taken.address() as { port: number }
    const [free] = await freePorts(1)
    const ports = await freePorts(3, [port, free])
    equal(ports[1], free)
    notEqual(ports[0], port)
    equal(new Set(ports).size, 3)
    deepEqual(await Promise.all([port, free, undefined].map(portIfFree)), [0, free, 0])
  })
})
