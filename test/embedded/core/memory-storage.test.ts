import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { describeStorage } from './storage-contract.ts'

describeStorage('MemoryStorage', () => new MemoryStorage())
