/**
 * Prints what CHANGELOG.md says of a version.
 *
 *     node scripts/release-notes.ts 0.2.0
 */
import { readFileSync } from 'node:fs'

/** @throws Error if there is no such version */
export function releaseNotes(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1)
  const section = sections.find((text) => text.startsWith(`[${version}]`))
  if (section === undefined) throw new Error(`CHANGELOG.md has no version ${version}`)
  return `${section.slice(section.indexOf('\n')).trim()}\n`
}

if (import.meta.main) {
  const [version] = process.argv.slice(2)
  process.stdout.write(releaseNotes(readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8'), version))
}
