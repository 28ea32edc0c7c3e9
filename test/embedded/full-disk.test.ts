import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { LogStorage } from '../../src/embedded/core/log-storage.ts'
import { MemoryStorage } from '../../src/embedded/core/memory-storage.ts'
import { errorCodes } from '../../src/embedded/error-codes.ts'
import { systemFiles } from '../../src/embedded/file-system.ts'
import { FileStores, MemoryStores } from '../../src/embedded/log-stores.ts'
import { StorageError } from '../../src/embedded/storage-error.ts'
import { AskedBroker } from './asked-broker.ts'

/** Logs on a disk that becomes full, and empty again. */
class FullStores extends MemoryStores {
  isFull = false

  override open(name: string): LogStorage {
    const isFull = () => this.isFull
    return new (class extends MemoryStorage {
      override append(parts: readonly Uint8Array[]): void {
        if (isFull()) throw new StorageError('append to', name, new Error('ENOSPC: no space left on device'))
        super.append(parts)
      }
    })()
  }
}

suite('the embedded broker on a full disk', () => {
  test('refuses rows, and takes them again when there is room', async () => {
    const stores = new FullStores()
    const broker = new AskedBroker({ stores })
    await broker.createTopic('rows')
    await broker.produce('rows', 0, ['a'])
    stores.isFull = true
    const refused = await broker.produce('rows', 0, ['b'])
    equal(refused?.errorCode, errorCodes.KAFKA_STORAGE_ERROR)
    stores.isFull = false
    equal((await broker.produce('rows', 0, ['c']))?.baseOffset, 1)
    deepEqual(broker.failures, [])
  })

  test('refuses rows before it is quite full, and goes on with offsets, topics and reading', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'vgm-full-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const mebibyte = 1024 * 1024
    let freeBytes = 100 * mebibyte
    const files = { ...systemFiles, room: () => ({ totalBytes: 1024 * mebibyte, freeBytes }) }
    const lines: string[] = []
    const broker = new AskedBroker({ stores: new FileStores(folder, { files, log: (line) => lines.push(line) }) })
    await broker.createTopic('rows')
    equal((await broker.produce('rows', 0, ['a']))?.baseOffset, 0)
    freeBytes = 15 * mebibyte
    for (let i = 0; i < 9; i++) await broker.produce('rows', 0, ['x'.repeat(mebibyte)])
    const refused = await broker.produce('rows', 0, ['b'])
    deepEqual([refused?.errorCode, refused?.baseOffset], [errorCodes.KAFKA_STORAGE_ERROR, -1])
    match(refused?.errorMessage ?? '', /the disk is full/)
    deepEqual(lines, [`The disk of ${folder} is full: rows are refused with KAFKA_STORAGE_ERROR until there is room`])
    equal((await broker.createTopic('more'))?.errorCode, errorCodes.NONE)
    const { responses } = await broker.fetch([{ topic: 'rows', partition: 0, offset: 0 }])
    equal(responses[0].partitions[0].errorCode, errorCodes.NONE)
    freeBytes = 100 * mebibyte
    equal((await broker.produce('rows', 0, ['c']))?.errorCode, errorCodes.NONE)
    deepEqual(broker.failures, [])
    await broker.broker.close()
  })

  test('ends when it cannot keep what it has decided', async () => {
    const stores = new FullStores()
    const broker = new AskedBroker({ stores })
    stores.isFull = true
    await rejects(broker.createTopic('rows'), StorageError)
    equal(broker.failures.length, 1)
  })
})
