import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { Marked, type Tokens } from 'marked'
import { getHeadingList, gfmHeadingId } from 'marked-gfm-heading-id'

const root = join(import.meta.dirname, '../..')
/** Its list of links is the navigation of every page. */
const index = 'docs/README.md'

interface Link {
  /** the page that it stands in, as all paths from the top of the checkout */
  readonly from: string
  readonly target: string
  /** without its hash */
  readonly heading: string | undefined
}

interface Page {
  readonly title: string
  readonly html: string
  readonly headings: ReadonlySet<string>
  readonly links: readonly Link[]
}

/** All documents, by their paths. */
export function readPages(): Map<string, Page> {
  const files = [
    'README.md',
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'bench/README.md',
    'helm/vgm/README.md',
    'python/README.md',
    'examples/ctgan/README.md',
  ]
  const all = [...files, ...globSync(['docs/*.md', 'docs/api/*.md'], { cwd: root }).sort()]
  return new Map(all.map((file) => [file, readPage(file)]))
}

function readPage(file: string): Page {
  const links: Link[] = []
  const marked = new Marked(gfmHeadingId(), {
    renderer: {
      link({ href, title, tokens }: Tokens.Link): string {
        const text = this.parser.parseInline(tokens)
        if (/^[a-z]+:/.test(href)) return `<a href="${href}">${text}</a>`
        const [path, heading] = href.split('#', 2)
        const target = path === '' ? file : posix.join(posix.dirname(file), path)
        links.push({ from: file, target, heading })
        const hash = heading === undefined ? '' : `#${heading}`
        // Sources are no part of the site.
        if (!target.endsWith('.md')) return text
        return `<a href="${path === '' ? '' : toHtml(path)}${hash}"${title ? ` title="${title}"` : ''}>${text}</a>`
      },
    },
  })
  const html = marked.parse(readFileSync(join(root, file), 'utf8'), { async: false })
  const headings = getHeadingList()
  const title = headings[0]?.text.replace(/<[^>]*>/g, '') ?? file
  return { title, html, headings: new Set(headings.map(({ id }) => id)), links }
}

const toHtml = (path: string) => path.replace(/README\.md$/, 'index.html').replace(/\.md$/, '.html')

/** Links that lead to no file, or to no heading of a page. */
export function deadLinks(pages: ReadonlyMap<string, Page>): Link[] {
  return [...pages.values()]
    .flatMap(({ links }) => links)
    .filter(({ target, heading }) => {
      const page = pages.get(target)
      if (page === undefined) return !existsSync(join(root, target))
      return heading !== undefined && !page.headings.has(heading)
    })
}

/** Writes every page to a folder, which is made anew, with the pictures that they show. */
export function writeSite(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  const pages = readPages()
  const navigation = pages.get(index)?.html ?? ''
  for (const [file, { title, html }] of pages) {
    const path = join(folder, toHtml(file))
    mkdirSync(dirname(path), { recursive: true })
    const up = relative(dirname(file), '.') || '.'
    // The links of the index are relative to its folder.
    const menu = navigation.replace(/href="(?!#|[a-z]+:)/g, `href="${posix.join(up, posix.dirname(index))}/`)
    writeFileSync(path, document(title, html, menu))
  }
  for (const picture of globSync('docs/images/**/*.{svg,png}', { cwd: root })) {
    mkdirSync(dirname(join(folder, picture)), { recursive: true })
    copyFileSync(join(root, picture), join(folder, picture))
  }
}

function document(title: string, html: string, menu: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – vgm-stream</title>
<style>${style}</style>
<nav aria-label="Documents">${menu}</nav>
<main>${html}</main>
</html>
`
}

const style = `
:root { color-scheme: light dark; --line: light-dark(#d8dee4, #3d444d); --quiet: light-dark(#f3f5f7, #1b2027) }
body { margin: 0; display: grid; grid-template-columns: 17rem minmax(0, 1fr); font: 16px/1.6 system-ui, sans-serif }
nav { padding: 1rem 1.5rem; border-right: 1px solid var(--line); font-size: 14px; line-height: 1.4 }
nav h1 { font-size: 1rem } nav h2 { font-size: .9rem; margin: 1.2rem 0 .4rem }
nav ul { list-style: none; margin: 0; padding: 0 } nav li { margin: .3rem 0 } nav > p { display: none }
main { max-width: 60rem; padding: 1rem 2rem 4rem }
h1, h2, h3 { line-height: 1.25 } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem }
pre { overflow: auto; padding: .8rem 1rem; background: var(--quiet); border-radius: 6px; line-height: 1.45 }
code { font-size: .88em } :not(pre) > code { background: var(--quiet); padding: .1em .3em; border-radius: 4px }
table { display: block; overflow-x: auto; border-collapse: collapse; font-size: 15px }
th, td { border: 1px solid var(--line); padding: .35rem .7rem; text-align: left; vertical-align: top }
blockquote { margin: 0; padding-left: 1rem; border-left: 3px solid var(--line) }
img { max-width: 100%; height: auto }
a { color: light-dark(#0757ba, #6cb6ff) }
@media (max-width: 50rem) { body { display: block } nav { border-right: 0; border-bottom: 1px solid var(--line) } main { padding: 1rem } }
@media print { nav { display: none } body { display: block } }
`
