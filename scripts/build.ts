/**
 * Makes dist/: the JavaScript of src/, its types, what the code reads beside itself, the dashboard's script, and the
 * mixture as one file that imports nothing.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundlePage } from '../src/ui/bundle-page.ts'
import { modules, writeModules } from './kernel.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

await writeModules()
rmSync(`${root}/dist`, { recursive: true, force: true })
const compile = [`${root}/node_modules/typescript/bin/tsc`, '-p', `${root}/tsconfig.build.json`]
execFileSync(process.execPath, compile, { stdio: 'inherit' })
const pageFiles = ['src/ui/page/style.css', 'src/ui/page/icon.svg']
const besides = ['schemas', 'docker-compose.yml', 'src/cluster/jvm/pom.xml', ...pageFiles]
for (const file of [...besides, ...modules.map(({ file }) => file)])
  cpSync(`${root}/${file}`, `${root}/dist/${file}`, { recursive: true })
await build({
  entryPoints: [`${root}/src/mixture/index.ts`],
  outfile: `${root}/dist/mixture.js`,
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2022',
  legalComments: 'eof',
})
writeFileSync(`${root}/dist/src/ui/page/main.js`, await bundlePage())
chmodSync(`${root}/dist/src/main.js`, 0o755)
