import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { FileJournal, RegistryJournalError } from '../../../src/embedded/registry/file-journal.ts'
import { RegistryState } from '../../../src/embedded/registry/registry-state.ts'
import { row } from './test-registry.ts'

function journalPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-registry-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'registry.journal')
}

/** Runs work on the registry that a journal keeps. */
function withRegistry<Result>(path: string, work: (state: RegistryState) => Result): Result {
  const journal = new FileJournal(path)
  try {
    return work(new RegistryState(journal, journal.entries))
  } finally {
    journal.close()
  }
}

function schemaOf(json: object) {
  return { schema: JSON.stringify(json), references: [], isNormalized: false }
}

/** All that a registry says of itself. */
function contents(state: RegistryState): unknown {
  return state.subjects('included').map((subject) => ({
    versions: state.versions(subject, 'included'),
    level: state.level(subject),
    mode: state.mode(subject),
  }))
}

function fill(state: RegistryState): void {
  state.register('a', schemaOf(row('a')))
  state.register('a', schemaOf(row('a', 'b?')))
  state.register('b', schemaOf(row('ü')))
  state.setLevel('a', 'FULL')
  state.setLevel(null, 'NONE')
  state.setMode('b', 'READONLY')
  state.deleteVersion('a', 1, false)
  state.register('a', schemaOf(row('a')))
  state.register('gone', schemaOf(row('gone')))
  state.deleteSubject('gone', false)
  state.deleteSubject('gone', true)
}

describe('the journal of a registry', () => {
  test('gives it back as it was, and ids that have been deleted are not given again', (t) => {
    const path = journalPath(t)
    const before = withRegistry(path, (state) => {
      fill(state)
      return contents(state)
    })
    withRegistry(path, (state) => {
      deepEqual(contents(state), before)
      equal(state.level(null), 'NONE')
      equal(state.register('c', schemaOf(row('new'))).id, 5)
    })
    withRegistry(path, (state) => equal(state.version('c', 1, 'left out').id, 5))
  })

  test('is cut at every place where a kill may have left its last line, and goes on from there', (t) => {
    const path = journalPath(t)
    withRegistry(path, (state) => {
      state.register('a', schemaOf(row('a')))
      state.register('b', schemaOf(row('b')))
    })
    const whole = readFileSync(path)
    const lastAt = whole.lastIndexOf(10, whole.length - 2) + 1
    for (let end = lastAt; end < whole.length; end++) {
      writeFileSync(path, whole.subarray(0, end))
      withRegistry(path, (state) => deepEqual(state.subjects('included'), ['a']))
      equal(readFileSync(path).length, lastAt)
      withRegistry(path, (state) => equal(state.register('b', schemaOf(row('b'))).id, 2))
      deepEqual(readFileSync(path), whole)
    }
    // Also where its first line is not whole.
    writeFileSync(path, whole.subarray(0, 5))
    withRegistry(path, (state) => deepEqual(state.subjects('included'), []))
    withRegistry(path, (state) => equal(state.register('b', schemaOf(row('b'))).id, 1))
  })

  test('is refused, not cut, when a byte of a whole line has changed', (t) => {
    const path = journalPath(t)
    withRegistry(path, (state) => {
      state.register('a', schemaOf(row('a')))
      state.register('b', schemaOf(row('b')))
    })
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length - 1; at++) {
      const changed = Buffer.from(whole)
      changed[at] ^= 1
      writeFileSync(path, changed)
      throws(() => new FileJournal(path), RegistryJournalError, `byte ${at}`)
      deepEqual(readFileSync(path), changed)
    }
  })

  test('of another kind is refused, and says what to do', (t) => {
    const path = journalPath(t)
    writeFileSync(path, 'some notes\n')
    throws(
      () => new FileJournal(path),
      (error: RegistryJournalError) => {
        match(error.message, /line 1 is damaged: its checksum is wrong/)
        match(error.fix, /move it away/)
        equal(error.code, 'VGM_REGISTRY_JOURNAL')
        return true
      },
    )
    writeFileSync(path, 'notes without an end of a line')
    throws(() => new FileJournal(path), /line 1 is damaged: it is not how a journal begins/)
    equal(readFileSync(path, 'utf8'), 'notes without an end of a line')
    throws(() => new FileJournal(join(path, 'below')), RegistryJournalError)
  })

  test('holds an entry when the call that makes it returns', (t) => {
    const path = journalPath(t)
    const journal = new FileJournal(path)
    t.after(() => journal.close())
    const state = new RegistryState(journal, journal.entries)
    state.register('a', schemaOf(row('a')))
    const other = new FileJournal(path)
    equal(other.entries.length, 1)
    other.close()
    ok(readFileSync(path).at(-1) === 10)
  })

  test('that the disk has no room for is told', { skip: !existsSync('/dev/full') }, () => {
    throws(() => new FileJournal('/dev/full'), /cannot be written: ENOSPC/)
  })

  test('that cannot be written any more leaves the registry as it is', (t) => {
    const path = journalPath(t)
    const journal = new FileJournal(path)
    const state = new RegistryState(journal, journal.entries)
    state.register('a', schemaOf(row('a')))
    journal.close()
    throws(() => state.register('b', schemaOf(row('b'))), RegistryJournalError)
    throws(() => state.setLevel(null, 'NONE'), RegistryJournalError)
    deepEqual(state.subjects('included'), ['a'])
    equal(state.level(null), 'BACKWARD')
    appendFileSync(path, 'torn')
    withRegistry(path, (again) => deepEqual(again.subjects('included'), ['a']))
  })
})
