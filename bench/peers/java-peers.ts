import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { newestJava } from '../../src/cluster/jvm/java.ts'
import { cacheFolder } from '../../src/cluster/user-folders.ts'
import { runProgram } from './run-program.ts'

const sources = join(import.meta.dirname, 'java')
const neededJava = 17

/** Starts a class of the compiled peers, or of Kafka's libraries beside them; returns what it printed. */
export type RunJava = (mainClass: string, args: readonly string[]) => Promise<string>

/**
 * Compiles the peers in the user's cache folder unless that is done: other sources are another folder.
 *
 * @throws Error if there is no Java or no Maven, or Maven fails
 */
export async function javaPeers(say: (line: string) => void): Promise<RunJava> {
  const java = newestJava()
  if (java === undefined || java.feature < neededJava) throw new Error(`they need Java ${neededJava} or newer`)
  const folder = join(cacheFolder(), `peers-${sourceHash()}`)
  if (!existsSync(folder)) {
    say('Compiling the Java peers and fetching their libraries through Maven (once)')
    await compile(folder)
  }
  const classPath = [join(folder, 'target', 'classes'), join(folder, 'target', 'libraries', '*')].join(delimiter)
  // The throughput collector: nobody waits for a single row.
  const flags = ['-Xmx1g', '-XX:+UseParallelGC', '-cp', classPath]
  return (mainClass, args) => runProgram(join(java.home, 'bin', 'java'), [...flags, mainClass, ...args])
}

async function compile(folder: string): Promise<void> {
  const unfinished = `${folder}.unfinished-${process.pid}`
  try {
    mkdirSync(unfinished, { recursive: true })
    cpSync(sources, unfinished, { recursive: true })
    await runProgram('mvn', ['-q', '-B', '-Dstyle.color=never', 'process-classes'], { folder: unfinished })
    renameSync(unfinished, folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error('they need Maven (mvn)')
    throw error
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function sourceHash(): string {
  const hash = createHash('sha256')
  for (const file of globSync('{pom.xml,src/**/*.java}', { cwd: sources }).sort())
    hash.update(readFileSync(join(sources, file)))
  return hash.digest('hex').slice(0, 8)
}
