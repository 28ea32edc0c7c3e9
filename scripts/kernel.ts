import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'

const root = join(import.meta.dirname, '..')

/** What is compiled, and the files that are committed, which a checkout runs; both as the root has them. */
export const modules = [
  { source: 'src/kernel/assembly/index.ts', file: 'src/kernel/row-kernel.wasm' },
  { source: 'src/kernel/assembly/lz4.ts', file: 'src/batch/lz4.wasm' },
] as const

/** Compiles a module: the same bytes from the same source, on any machine. */
export async function compileModule(source: string): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined
  const stderr = asc.createMemoryStream()
  const { error } = await asc.main(
    [
      ...[source, '--baseDir', root, '--outFile', 'module.wasm'],
      ...['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--enable', 'relaxed-simd'],
      ...['--importMemory', '--initialMemory', '1'],
    ],
    {
      stderr,
      writeFile: (_name: string, content: Uint8Array | string) => {
        bytes = content as Uint8Array
      },
    },
  )
  if (error !== null || bytes === undefined) throw new Error(`${source} does not compile: ${error} ${stderr}`)
  const messages = stderr.toString()
  if (messages !== '') throw new Error(`${source} compiles with warnings:\n${messages}`)
  return bytes
}

/** Writes what the sources make to the files that are committed. */
export async function writeModules(): Promise<void> {
  for (const { source, file } of modules) writeFileSync(join(root, file), await compileModule(source))
}

if (import.meta.main) await writeModules()
