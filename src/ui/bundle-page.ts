import { join } from 'node:path'
import { build } from 'esbuild'

/**
 * The modules of the page and the libraries that they import, as one: a browser asks for it once, where it asked for
 * twenty files. The package has it made; a checkout makes it when a dashboard is opened.
 */
export async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'page/main.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    charset: 'utf8',
    write: false,
  })
  return outputFiles[0].text
}
