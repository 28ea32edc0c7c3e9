import { ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { compileModule, modules } from '../../scripts/kernel.ts'

suite('WebAssembly modules', () => {
  for (const { source, file } of modules)
    test(`the committed ${file} is what its source makes, byte by byte`, async () => {
      const built = await compileModule(source)
      ok(readFileSync(new URL(`../../${file}`, import.meta.url)).equals(built), 'npm run build:kernel')
    })
})
