import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'

const root = join(import.meta.dirname, '..')

export const kernelFile = join(root, 'src/kernel/row-kernel.wasm')

/** Compiles src/kernel/assembly: the same bytes from the same source, on any machine. */
export async function compileKernel(): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined
  const stderr = asc.createMemoryStream()
  const { error } = await asc.main(
    [
      ...['src/kernel/assembly/index.ts', '--baseDir', root, '--outFile', 'row-kernel.wasm'],
      ...['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'],
      ...['--importMemory', '--initialMemory', '1'],
    ],
    {
      stderr,
      writeFile: (_name: string, content: Uint8Array | string) => {
        bytes = content as Uint8Array
      },
    },
  )
  if (error !== null || bytes === undefined) throw new Error(`The kernel does not compile: ${error} ${stderr}`)
  const messages = stderr.toString()
  if (messages !== '') throw new Error(`The kernel compiles with warnings:\n${messages}`)
  return bytes
}

/** Writes what the source makes to the file that is committed, and that a checkout runs. */
export async function writeKernel(): Promise<void> {
  writeFileSync(kernelFile, await compileKernel())
}

if (import.meta.main) await writeKernel()
