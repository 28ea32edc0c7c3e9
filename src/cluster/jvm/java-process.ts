import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Java } from './java.ts'

/** A JVM whose output goes to a file. */
export interface JavaProcess {
  readonly name: string
  readonly pid: number
  /** Resolves when it has ended, however it did. */
  readonly exited: Promise<void>
  hasEnded(): boolean
  /** Asks it to end, and kills it if it has not done so in time; true if it ended by itself. */
  end(graceMs: number): Promise<boolean>
  /** The last lines of its output. */
  logTail(): string
}

/** Starts a JVM. It shares the process group of the caller. */
export function startJava(name: string, java: Java, args: readonly string[], logFile: string): JavaProcess {
  const log = openSync(logFile, 'w')
  // JAVA_TOOL_OPTIONS and JDK_JAVA_OPTIONS are meant for the user's own programs: a heap size or an instrument in them
  // would apply here too.
  const { JAVA_TOOL_OPTIONS: _, JDK_JAVA_OPTIONS: __, CLASSPATH: ___, ...environment } = process.env
  const child = spawn(`${java.home}/bin/java`, args, { stdio: ['ignore', log, log], env: environment })
  closeSync(log)
  const exited = Promise.race([once(child, 'exit'), once(child, 'error')]).then(
    () => undefined,
    () => undefined,
  )
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  return {
    name,
    pid: child.pid ?? 0,
    exited,
    hasEnded,
    async end(graceMs) {
      if (hasEnded()) return false
      child.kill(graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
      const overdue = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await exited
      clearTimeout(overdue)
      return child.signalCode !== 'SIGKILL'
    },
    logTail: () => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-12).join('\n'),
  }
}
