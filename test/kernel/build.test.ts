import { ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compileKernel, kernelFile } from '../../scripts/kernel.ts'

test('the committed kernel is what its source makes, byte by byte', async () => {
  const built = await compileKernel()
  ok(readFileSync(kernelFile).equals(built), 'src/kernel/assembly has changed: npm run build:kernel')
})
