import { deepEqual, equal, throws } from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { FileStorage } from '../../src/embedded/file-storage.ts'
import { describeStorage } from './core/storage-contract.ts'

const root = mkdtempSync(join(tmpdir(), 'vgm-file-storage-'))
after(() => rmSync(root, { recursive: true }))
let made = 0
const newFolder = () => join(root, String(made++))

describeStorage('FileStorage', () => new FileStorage(newFolder()))
describeStorage('FileStorage with a segment a piece', () => new FileStorage(newFolder(), { segmentBytes: 1 }))

const held = (storage: FileStorage) => Buffer.concat(storage.read(storage.start, storage.end)).toString()

function filled(folder: string, pieces: readonly string[], segmentBytes = 8): FileStorage {
  const storage = new FileStorage(folder, { segmentBytes })
  for (const piece of pieces) storage.append([Buffer.from(piece)])
  return storage
}

suite('a log in files', () => {
  test('is there again when its folder is opened again, at the same positions', () => {
    const folder = newFolder()
    const before = filled(folder, ['one', 'two', 'three', 'four'])
    before.cutFront(before.start + 6, 2)
    const again = new FileStorage(folder, { segmentBytes: 8 })
    deepEqual(
      [again.start, again.end, again.startOffset, held(again)],
      [before.start, before.end, before.startOffset, 'threefour'],
    )
    again.append([Buffer.from('five')])
    equal(held(new FileStorage(folder, { segmentBytes: 8 })), 'threefourfive')
  })

  test('keeps the start offset when all of it is gone', () => {
    const folder = newFolder()
    const before = filled(folder, ['one', 'two'])
    before.cutFront(before.end, 2)
    const again = new FileStorage(folder, { segmentBytes: 8 })
    deepEqual([again.start, again.end, again.startOffset], [6, 6, 2])
  })

  test('frees the segments that are before its front', () => {
    const folder = newFolder()
    const storage = filled(folder, ['12345678', '12345678', '12345678'])
    equal(readdirSync(folder).length, 3)
    storage.cutFront(16, 2)
    deepEqual(readdirSync(folder).filter((name) => name.endsWith('.log')).length, 1)
  })

  test('has what was rewritten, or what was before, and drops the rest when it is opened', () => {
    const folder = newFolder()
    const storage = filled(folder, ['one', 'two'])
    const rewrite = storage.rewrite()
    rewrite.append([Buffer.from('anew')])
    rewrite.commit()
    // What a kill leaves of the next rewrite.
    writeFileSync(join(folder, '000002-0000000000000000.log'), 'half')
    equal(held(new FileStorage(folder)), 'anew')
    deepEqual(readdirSync(folder).sort(), ['000001-0000000000000000.log', 'log.json'])
  })

  test('leaves out what follows a segment that has lost its end', () => {
    const folder = newFolder()
    filled(folder, ['12345678', '12345678', '12345678'])
    truncateSync(join(folder, readdirSync(folder).sort()[1]), 3)
    const again = new FileStorage(folder, { segmentBytes: 8 })
    equal(held(again), '12345678123')
    equal(readdirSync(folder).length, 2)
  })

  test('that is closed takes nothing more, and loses nothing', () => {
    const folder = newFolder()
    const storage = filled(folder, ['one'])
    storage.close()
    throws(() => storage.append([Buffer.from('two')]), { code: 'VGM_BROKER_STORAGE', message: /it is closed/ })
    equal(held(new FileStorage(folder)), 'one')
  })

  test('removes everything, but for what others have put there', () => {
    const folder = newFolder()
    filled(folder, ['one']).remove()
    equal(existsSync(folder), false)
    const shared = filled(folder, ['one'])
    writeFileSync(join(folder, 'notes.txt'), 'mine')
    writeFileSync(join(folder, '00000000000000000000.log'), "Apache Kafka's")
    equal(held(new FileStorage(folder)), 'one')
    shared.remove()
    deepEqual(readdirSync(folder).sort(), ['00000000000000000000.log', 'notes.txt'])
  })
})
