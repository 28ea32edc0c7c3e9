import { doesNotMatch, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { loadAssets } from '../../src/ui/assets.ts'
import { pageHtml } from '../../src/ui/page-html.ts'

const assets = await loadAssets()

suite('the files of the dashboard', () => {
  test('are less than 150 KB on their way to a browser', (t) => {
    const html = Buffer.byteLength(pageHtml(undefined))
    const bytes = [...assets.values()].reduce((sum, { br }) => sum + br.length, html)
    t.diagnostic(`${(bytes / 1_000).toFixed(1)} KB`)
    ok(bytes < 150_000, `${bytes} bytes`)
  })

  test('import nothing', () => {
    for (const [name, { plain }] of assets) doesNotMatch(plain.toString(), /\bimport\b[^;]*['"]/, name)
  })

  test('name no other server', () => {
    for (const [name, { plain }] of assets) {
      const urls = [...plain.toString().matchAll(/https?:\/\/[^\s'"`)]+/g)].map(([url]) => url)
      // Names of namespaces.
      for (const url of urls) match(url, /^http:\/\/www\.w3\.org\//, name)
    }
  })

  test('have no script in the page, and a theme that is one', () => {
    const html = pageHtml('"><script>', ['d', '"><script>', 'flow'])
    equal([...html.matchAll(/<script/g)].length, 1)
    match(html, /<script type="module" src="\/assets\/main\.js"><\/script>/)
    match(pageHtml('dark'), /<html lang="en" data-theme="dark">/)
  })
})
