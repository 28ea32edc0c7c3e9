import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
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

const isCheckout = extname(import.meta.filename) === '.ts'

const inFolder = (name: string) => readFile(join(import.meta.dirname, 'page', name), 'utf8')
const script = async () => (isCheckout ? (await import('./bundle-page.ts')).bundlePage() : inFolder('main.js'))

/** The files of the page by name; none comes from elsewhere. */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const assets = await Promise.all([
    asset('main.js', 'text/javascript; charset=utf-8', await script()),
    asset('style.css', 'text/css; charset=utf-8', await inFolder('style.css')),
    asset('icon.svg', 'image/svg+xml', await inFolder('icon.svg')),
  ])
  return new Map(assets)
}

const compressed = { br: promisify(brotliCompress), gzip: promisify(gzip) }

async function asset(name: string, contentType: string, source: string): Promise<[string, Asset]> {
  const plain = Buffer.from(source)
  const [br, gzipped] = await Promise.all([
    compressed.br(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    compressed.gzip(plain),
  ])
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`
  return [name, { contentType, plain, gzip: gzipped, br, etag }]
}
