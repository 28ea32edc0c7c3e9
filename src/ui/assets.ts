import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { basename, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

/** A file of the page. */
export interface Asset {
  readonly contentType: string
  readonly plain: Buffer
  readonly gzip: Buffer
  readonly br: Buffer
  readonly etag: string
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Packages that the page imports by name, which a browser cannot. */
const libraries = { preact: 'preact.js', 'preact/hooks': 'preact-hooks.js', htm: 'htm.js' } as const

const folder = join(import.meta.dirname, 'page')
/** What the page draws as the command line does: modules that import nothing. */
const shared = ['../drawing/rows-in-cells'] as const
/** of modules: as this one, in a checkout TypeScript */
const ending = extname(import.meta.filename)

/**
 * The files of the page by name. In a checkout the modules are TypeScript, and their types are taken out here; in the
 * package they are JavaScript. Nothing is bundled, and nothing comes from elsewhere.
 */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const names = (await readdir(folder)).filter((name) => /\.(?:ts|js|css|svg)$/.test(name) && !name.endsWith('.d.ts'))
  const own = names.map(async (name) => [name.replace(/\.ts$/, '.js'), await sourceOf(join(folder, name))] as const)
  const ofBoth = shared.map(
    async (path) => [`${basename(path)}.js`, await sourceOf(join(import.meta.dirname, path + ending))] as const,
  )
  const others = Object.entries(libraries).map(async ([name, file]) => [file, await librarySource(name)] as const)
  const files = await Promise.all([...own, ...ofBoth, ...others])
  const made = files.map(async ([name, source]) => [name, await asset(name, source)] as const)
  return new Map(await Promise.all(made))
}

/** Everything that is loaded before the first view. */
export function modulesOf(assets: ReadonlyMap<string, Asset>): string[] {
  return [...assets.keys()].filter((name) => name.endsWith('.js')).sort()
}

async function sourceOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8')
  if (extname(path) === '.ts') return withPaths(stripTypeScriptTypes(text))
  return extname(path) === '.js' ? withPaths(text) : text
}

async function librarySource(name: string): Promise<string> {
  const source = await readFile(fileURLToPath(import.meta.resolve(name)), 'utf8')
  return withPaths(source.replace(/^\/\/# sourceMappingURL=.*$/m, ''))
}

/** Names of packages, folders and endings of TypeScript, as paths that a browser can ask for. */
function withPaths(source: string): string {
  const named = source.replace(
    /(\bfrom\s*|\bimport\s*)(['"])([^'"\n]+)\2/g,
    (whole, before: string, quote: string, name: string) =>
      Object.hasOwn(libraries, name)
        ? `${before}${quote}./${libraries[name as keyof typeof libraries]}${quote}`
        : whole,
  )
  return named.replace(/(\bfrom\s*['"])\.[^'"\n]*?([^'"\n/]+)\.[jt]s(['"])/g, '$1./$2.js$3')
}

const compressed = { br: promisify(brotliCompress), gzip: promisify(gzip) }

async function asset(name: string, source: string): Promise<Asset> {
  const plain = Buffer.from(source)
  const [br, gzipped] = await Promise.all([
    compressed.br(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    compressed.gzip(plain),
  ])
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`
  return { contentType: types[extname(name)] ?? 'application/octet-stream', plain, gzip: gzipped, br, etag }
}
