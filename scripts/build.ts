/** Makes dist/: the JavaScript of src/, its types, and what the code reads beside itself. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

rmSync(`${root}/dist`, { recursive: true, force: true })
execFileSync(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, '-p', `${root}/tsconfig.build.json`], {
  stdio: 'inherit',
})
for (const file of ['schemas', 'docker-compose.yml', 'src/cluster/jvm/pom.xml'])
  cpSync(`${root}/${file}`, `${root}/dist/${file}`, { recursive: true })
chmodSync(`${root}/dist/src/main.js`, 0o755)
