/** Compiles src/kernel/assembly to src/kernel/row-kernel.wasm: the same bytes from the same source, on any machine. */
import { compileKernel, kernelFile } from './compile-kernel.ts'
import { writeFileSync } from 'node:fs'

writeFileSync(kernelFile, await compileKernel())
