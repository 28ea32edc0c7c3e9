/**
 * Makes dist/: the JavaScript of src/, its types, what the code reads beside itself, and the mixture as one file that
 * imports nothing.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { modules, writeModules } from './kernel.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

await writeModules()
rmSync(`${root}/dist`, { recursive: true, force: true })
for (const config of ['tsconfig.build.json', 'src/ui/page/tsconfig.build.json'])
  execFileSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', `${root}/${config}`], {
    stdio: 'inherit',
  })
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
chmodSync(`${root}/dist/src/main.js`, 0o755)
