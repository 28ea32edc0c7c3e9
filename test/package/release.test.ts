import { match, ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { releaseNotes } from '../../scripts/release-notes.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const { version } = JSON.parse(read('package.json')) as { version: string }

suite('a release', () => {
  test('has notes: the section of the change log, which stands first', () => {
    const notes = releaseNotes(read('CHANGELOG.md'), version)
    match(notes, /^### Added\n/)
    ok(!/^## /m.test(notes))
    match(read('CHANGELOG.md'), new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\]`, 'm'))
    throws(() => releaseNotes(read('CHANGELOG.md'), '9.9.9'), /no version 9\.9\.9/)
  })

  test('has one version in all files that name it', () => {
    for (const file of ['README.md', 'docker-compose.yml', 'Dockerfile', 'docs/deployment.md', 'helm/vgm/Chart.yaml'])
      ok(read(file).includes(version), file)
  })
})
