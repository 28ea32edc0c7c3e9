import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A folder that ends with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-files-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A file in a folder of its own that ends with the test. */
export function temporaryFile(t: TestContext, name: string, content: string | Uint8Array): string {
  const file = join(temporaryFolder(t), name)
  writeFileSync(file, content)
  return file
}
