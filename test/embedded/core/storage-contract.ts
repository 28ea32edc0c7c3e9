import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { LogStorage } from '../../../src/embedded/core/log-storage.ts'

/** What every storage of a log keeps to. @param make makes an empty one */
export function describeStorage(name: string, make: () => LogStorage): void {
  const held = (storage: LogStorage) => Buffer.concat(storage.read(storage.start, storage.end)).toString()
  const filled = (...pieces: string[]) => {
    const storage = make()
    for (const piece of pieces) storage.append([Buffer.from(piece)])
    return storage
  }
  const rewritten = (storage: LogStorage, ...pieces: string[]) => {
    const rewrite = storage.rewrite()
    for (const piece of pieces) rewrite.append([Buffer.from(piece)])
    rewrite.commit()
  }

  suite(`${name}, as a storage of a log`, () => {
    test('begins empty, at one position', () => {
      const storage = make()
      equal(storage.start, storage.end)
      equal(storage.startOffset, 0)
      deepEqual(storage.read(storage.start, storage.end), [])
    })

    test('holds what was appended, in order, parts of a piece one after another', () => {
      const storage = make()
      storage.append([Buffer.from('head '), Buffer.from('rest ')])
      storage.append([Buffer.from('next')])
      equal(held(storage), 'head rest next')
      equal(storage.end - storage.start, 14)
    })

    test('has copied the bytes: those who append may write over theirs', () => {
      const bytes = Buffer.from('abc')
      const storage = make()
      storage.append([bytes])
      bytes.fill(0)
      equal(held(storage), 'abc')
    })

    test('reads a piece, and a part of one, in one buffer', () => {
      const storage = filled(...Array.from({ length: 2_000 }, (_, i) => `piece ${String(i).padStart(6, '0')}`))
      for (let i = 0; i < 2_000; i += 7) {
        const [bytes, ...others] = storage.read(storage.start + 12 * i, storage.start + 12 * (i + 1))
        deepEqual([bytes.toString(), others.length], [`piece ${String(i).padStart(6, '0')}`, 0])
        deepEqual(storage.read(storage.start + 12 * i + 6, storage.start + 12 * i + 10).map(String), [
          String(i).padStart(6, '0').slice(0, 4),
        ])
      }
    })

    test('holds pieces that are larger than any of its own parts', () => {
      const large = Buffer.alloc(9 * 1024 * 1024, 'x')
      const storage = filled('a')
      storage.append([large])
      storage.append([Buffer.from('b')])
      const [bytes] = storage.read(storage.start + 1, storage.end - 1)
      equal(bytes.equals(large), true)
      equal(Buffer.concat(storage.read(storage.end - 1, storage.end)).toString(), 'b')
    })

    test('cuts the front, and keeps positions and the start offset', () => {
      const storage = filled('one', 'two', 'three')
      const second = storage.start + 3
      storage.cutFront(second, 17)
      deepEqual([storage.start, storage.startOffset, held(storage)], [second, 17, 'twothree'])
      storage.cutFront(storage.end, 20)
      deepEqual([storage.start, storage.startOffset], [storage.end, 20])
      storage.append([Buffer.from('four')])
      equal(held(storage), 'four')
    })

    test('cuts the back, anywhere, and goes on from there', () => {
      const storage = filled('one', 'two')
      storage.cutBack(storage.start + 4)
      equal(held(storage), 'onet')
      storage.append([Buffer.from('!')])
      equal(held(storage), 'onet!')
      storage.cutBack(storage.start)
      equal(storage.start, storage.end)
    })

    test('leaves alone what was read, whatever happens later', () => {
      const storage = filled('one', 'two')
      const read = storage.read(storage.start, storage.end)
      storage.cutBack(storage.start + 3)
      storage.append([Buffer.from('xyz')])
      storage.cutFront(storage.end, 9)
      rewritten(storage, 'anew')
      equal(Buffer.concat(read).toString(), 'onetwo')
    })

    test('is rewritten from what it holds, and keeps the start offset', () => {
      const storage = filled('one', 'two', 'three')
      storage.cutFront(storage.start + 3, 1)
      const rewrite = storage.rewrite()
      rewrite.append([Buffer.from('<'), ...storage.read(storage.start, storage.start + 3)])
      rewrite.append(storage.read(storage.start + 3, storage.end))
      equal(rewrite.end, 9)
      equal(held(storage), 'twothree')
      rewrite.commit()
      deepEqual([held(storage), storage.start, storage.end, storage.startOffset], ['<twothree', 0, 9, 1])
    })

    test('goes on while it is rewritten, and is what it was if that is abandoned', async () => {
      const storage = filled('one')
      const rewrite = storage.rewrite()
      rewrite.append([Buffer.from('half')])
      storage.append([Buffer.from('two')])
      await rewrite.sync()
      rewrite.abandon()
      equal(held(storage), 'onetwo')
      rewritten(storage, 'anew', 'more')
      equal(held(storage), 'anewmore')
    })

    test('keeps a note beside what it holds until it is rewritten, if it keeps anything', () => {
      const storage = filled('one')
      equal(storage.note(), undefined)
      storage.keepNote(Buffer.from('a'))
      storage.keepNote(Buffer.from('note'))
      equal(storage.note()?.toString(), storage.isLasting ? 'note' : undefined)
      storage.forgetNote()
      equal(storage.note(), undefined)
      storage.keepNote(Buffer.from('note'))
      rewritten(storage, 'anew')
      equal(storage.note(), undefined)
    })

    test('syncs', async () => {
      await filled('one').sync()
    })
  })
}
