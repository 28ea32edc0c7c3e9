import { delimiter, join } from 'node:path'
import { newestJava } from '../../src/cluster/jvm/java.ts'
import { compiled } from './compiled.ts'
import { runProgram } from './run-program.ts'

const neededJava = 17

/** Starts a class of the compiled peers, or of Kafka's libraries beside them; returns what it printed. */
export type RunJava = (mainClass: string, args: readonly string[]) => Promise<string>

/** @throws Error if there is no Java or no Maven, or Maven fails */
export async function javaPeers(say: (line: string) => void): Promise<RunJava> {
  const java = newestJava()
  if (java === undefined || java.feature < neededJava) throw new Error(`they need Java ${neededJava} or newer`)
  const folder = await compiled('peers', join(import.meta.dirname, 'java'), 'Maven (mvn)', (copy) => {
    say('Compiling the Java peers and fetching their libraries through Maven (once)')
    return runProgram('mvn', ['-q', '-B', '-Dstyle.color=never', 'process-classes'], { folder: copy })
  })
  const classPath = [join(folder, 'target', 'classes'), join(folder, 'target', 'libraries', '*')].join(delimiter)
  // The throughput collector: nobody waits for a single row.
  const flags = ['-Xmx1g', '-XX:+UseParallelGC', '-cp', classPath]
  return (mainClass, args) => runProgram(join(java.home, 'bin', 'java'), [...flags, mainClass, ...args])
}
