import { existsSync, readFileSync } from 'node:fs'

/** Version in package.json, which stands above src/ in a checkout and above dist/ in the package. */
export const softwareVersion: string = readVersion()

function readVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    const file = new URL(up, import.meta.url)
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  }
  return 'unknown'
}
