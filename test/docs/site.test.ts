import { deepEqual, ok } from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { deadLinks, readPages, writeSite } from '../../scripts/docs/site.ts'

suite('the site of the documents', () => {
  test('no link leads to a file or a heading that is not there', () => {
    deepEqual(
      deadLinks(readPages()).map(({ from, target, heading = '' }) => `${from}: ${target}#${heading}`),
      [],
    )
  })

  test('every document is in the index', () => {
    const pages = readPages()
    const linked = new Set(pages.get('docs/README.md')!.links.map(({ target }) => target))
    deepEqual(
      [...pages.keys()].filter((file) => file !== 'docs/README.md' && !linked.has(file)),
      [],
    )
  })

  test('its pages link to one another, from every folder', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'vgm-site-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeSite(folder)
    for (const file of ['index.html', 'docs/types.html', 'helm/vgm/index.html']) {
      const html = readFileSync(join(folder, file), 'utf8')
      const links = [...html.matchAll(/(?:href|src)="([^"#]+)[^"]*"/g)].map(([, link]) => link)
      const local = links.filter((link) => !/^[a-z]+:/.test(link))
      ok(local.length > 20)
      deepEqual(
        local.filter((link) => !existsSync(join(folder, dirname(file), link))),
        [],
        file,
      )
    }
  })
})
