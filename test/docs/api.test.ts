import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { apiPages } from '../../scripts/docs/api.ts'

const folder = join(import.meta.dirname, '../../docs/api')

suite('docs/api', () => {
  const pages = apiPages()

  test('has the types as they are: "npm run docs" writes them', () => {
    deepEqual(globSync('*', { cwd: folder }).sort(), [...pages.keys()].sort())
    for (const [file, text] of pages) equal(readFileSync(join(folder, file), 'utf8'), text)
  })

  test('has a page for each import of the package', async () => {
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } })
    const imports = Object.keys(manifest.exports).filter((name) => name !== '.')
    deepEqual(imports.sort(), [...pages.keys()].map((file) => `./${file.replace('.md', '')}`).sort())
  })

  test('shows a function with its options, what it throws and its example', () => {
    const [, load] = /### loadFile\n(.*?)\n### /s.exec(pages.get('pipeline.md')!)!
    match(load, /^function loadFile\(cluster: ClusterSession, options: LoadFileOptions\): Promise<LoadReport>$/m)
    match(load, /^ {2}\/\*\* column whose text becomes the key .*\n {2}readonly key\?: string \| undefined$/m)
    match(load, /^- Throws \[FileUnreadableError\]\(\.\.\/errors\.md#vgm_file_unreadable\)/m)
    match(load, /await loadFile\(cluster, \{ dataset: 'trips', file: 'trips.csv' \}\)/)
  })

  test('shows nothing of what is internal, and no type that has to be computed', () => {
    for (const text of pages.values()) ok(!/@internal|#private|\bimport\(|\btypeof\b/.test(text))
  })
})
