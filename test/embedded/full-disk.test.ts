import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { LogStorage } from '../../src/embedded/core/log-storage.ts'
import { MemoryStorage } from '../../src/embedded/core/memory-storage.ts'
import { errorCodes } from '../../src/embedded/error-codes.ts'
import { MemoryStores } from '../../src/embedded/log-stores.ts'
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

  test('ends when it cannot keep what it has decided', async () => {
    const stores = new FullStores()
    const broker = new AskedBroker({ stores })
    stores.isFull = true
    await rejects(broker.createTopic('rows'), StorageError)
    equal(broker.failures.length, 1)
  })
})
