import { equal, rejects } from 'node:assert/strict'
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { badRowsHeader, checkBadRowsFile, checkTarget, refuseInput } from '../../src/files/target-file.ts'
import { temporaryFolder } from './temporary-folder.ts'

suite('a file that is to be written', () => {
  test('is refused where it exists, unless it may be replaced', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'rows.csv')
    await checkTarget(file, false)
    writeFileSync(file, 'mine')
    await rejects(checkTarget(file, false), { code: 'VGM_FILE_EXISTS', exitCode: 2, fix: /--overwrite/ })
    await checkTarget(file, true)
  })

  test('is refused where it is no file, whatever is said', async (t) => {
    for (const file of [temporaryFolder(t), '/dev/null'])
      await rejects(checkTarget(file, true), { code: 'VGM_FILE_UNWRITABLE' })
  })
})

suite('a file for bad rows', () => {
  test('is refused where it is a file that is read, by any path or link', async (t) => {
    const folder = temporaryFolder(t)
    mkdirSync(join(folder, 'deep'))
    const input = join(folder, 'rows.csv')
    // Even one that looks like bad rows.
    writeFileSync(input, `${badRowsHeader}\n`)
    const [soft, hard] = [join(folder, 'soft.csv'), join(folder, 'hard.csv')]
    symlinkSync(input, soft)
    linkSync(input, hard)
    for (const badRows of [input, soft, hard, `${folder}/deep/../rows.csv`]) {
      const refusal = { code: 'VGM_USAGE', message: /itself/ }
      await rejects(checkBadRowsFile(badRows, ['other.csv', input]), refusal, badRows)
      await rejects(refuseInput(badRows, [input]), refusal, badRows)
      if (badRows !== input) await rejects(checkBadRowsFile(input, [badRows]), refusal, badRows)
    }
    await rejects(checkBadRowsFile(join(folder, 'none.csv'), [join(folder, 'none.csv')]), { code: 'VGM_USAGE' })
  })

  test('may be new, empty, or that of an earlier load, and nothing else', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'bad.csv')
    const check = () => checkBadRowsFile(file, [join(folder, 'rows.csv')])
    await check()
    for (const text of ['', `${badRowsHeader}\n3,,"too few","1"\n`]) {
      writeFileSync(file, text)
      await check()
    }
    for (const text of ['a,b\n1,2\n', 'line', badRowsHeader, `${badRowsHeader},more\n`]) {
      writeFileSync(file, text)
      await rejects(check(), { code: 'VGM_USAGE', message: /exists and does not hold bad rows/ })
      equal(readFileSync(file, 'utf8'), text)
    }
  })

  test('is refused where it could not be written, before rows are loaded', async (t) => {
    const folder = temporaryFolder(t)
    for (const file of [folder, join(folder, 'nowhere', 'bad.csv')])
      await rejects(checkBadRowsFile(file, []), { code: 'VGM_FILE_UNWRITABLE' })
    await checkBadRowsFile('/dev/null', [])
  })
})
