import { deepEqual, equal, rejects } from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { JoinedFile } from '../../../src/files/synthetic/joined-file.ts'
import { temporaryFolder } from '../temporary-folder.ts'

suite('a file that is joined from parts', () => {
  test('has them in the order of the calls, and is closed when the last one is in it', async (t) => {
    const folder = temporaryFolder(t)
    const parts = ['a', 'b', 'c'].map((letter, n) => ({ path: join(folder, letter), text: letter.repeat(9 - n) }))
    for (const { path, text } of parts) writeFileSync(path, text)
    const joined = await JoinedFile.create(join(folder, 'joined'))
    await joined.append(Buffer.from('head '))
    const joins = parts.map(({ path, text }) => joined.join(path, text.length))
    await joined.close()
    equal(readFileSync(joined.path, 'utf8'), 'head aaaaaaaaabbbbbbbbccccccc')
    deepEqual(
      parts.map(({ path }) => existsSync(path)),
      [false, false, false],
    )
    await Promise.all(joins)
  })

  test('is closed as well when a part is missing, and its join says so', async (t) => {
    const folder = temporaryFolder(t)
    const joined = await JoinedFile.create(join(folder, 'joined'))
    const missing = rejects(joined.join(join(folder, 'nowhere'), 3), { code: 'ENOENT' })
    await joined.close()
    await missing
  })
})
