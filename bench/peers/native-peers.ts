import { join } from 'node:path'
import { compiled } from './compiled.ts'
import { runProgram } from './run-program.ts'

/** Starts a compiled program; returns what it printed. */
export type RunNative = (args: readonly string[]) => Promise<string>

/** @throws Error without a C compiler or without librdkafka's headers */
export async function librdkafkaPeer(say: (line: string) => void): Promise<RunNative> {
  const folder = await compiled(
    'librdkafka-peer',
    join(import.meta.dirname, 'librdkafka'),
    'a C compiler (cc)',
    (copy) => {
      say('Compiling the librdkafka peer (once)')
      // Fused multiplications round otherwise, and rows would not be ours bit for bit.
      const flags = ['-O3', '-march=native', '-ffp-contract=off', '-o', 'normalize', 'normalize.c']
      return runProgram('cc', [...flags, '-lrdkafka', '-lpthread'], { folder: copy }).catch((error: Error) => {
        if (error.message.includes('rdkafka.h')) throw new Error('it needs librdkafka-dev')
        throw error
      })
    },
  )
  return (args) => runProgram(join(folder, 'normalize'), args)
}

/** @throws Error without Go, or if its modules cannot be fetched */
export async function franzGoPeer(say: (line: string) => void): Promise<RunNative> {
  const folder = await compiled('franz-go-peer', join(import.meta.dirname, 'franz-go'), 'Go (go)', (copy) => {
    say('Compiling the franz-go peer and fetching its modules (once)')
    return runProgram('go', ['build', '-o', 'normalize', '.'], { folder: copy })
  })
  return (args) => runProgram(join(folder, 'normalize'), args)
}
