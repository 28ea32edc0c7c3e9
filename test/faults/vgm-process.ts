import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** Those that live: none may outlive this process, whatever ends it. */
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** A line of a process's log; the rest of its fields are what it says beside the message. */
export interface LogLine {
  readonly level: number
  readonly time: number
  readonly msg: string
  readonly [field: string]: unknown
}

export interface Ended {
  /** null if a signal ended it */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** what it printed on standard output */
  readonly out: string
  /** what it said on standard error that is not a line of the log */
  readonly err: string
  /** ms since the epoch */
  readonly atMs: number
}

/** `vgm` as a process of its own, which can be stopped at any moment, and whose log can be waited for. */
export class VgmProcess {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  readonly #log: LogLine[] = []
  readonly #waiting = new Set<() => void>()
  readonly #logFile: string
  #end: Ended | undefined

  /**
   * @param logFile what it says on standard error is added there, for whoever looks into a failure
   * @param nodeOptions as in NODE_OPTIONS; those of this process unless given
   */
  constructor(args: readonly string[], logFile: string, nodeOptions?: string) {
    this.#logFile = logFile
    this.#child = spawn(process.execPath, [main, ...args], {
      // Nothing of a cluster that somebody else has running.
      env: {
        ...process.env,
        KAFKA_BROKERS: undefined,
        SCHEMA_REGISTRY_URL: undefined,
        VGM_DATASET: undefined,
        VGM_LOG_LEVEL: undefined,
        ...(nodeOptions !== undefined && { NODE_OPTIONS: nodeOptions }),
        XDG_STATE_HOME: join(tmpdir(), 'vgm-test-no-state'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    living.add(this.#child)
    appendFileSync(logFile, `--- ${this.pid}: vgm ${args.join(' ')}\n`)
    let [out, err, rest] = ['', '', '']
    this.#child.stdout?.on('data', (chunk) => {
      out += chunk
    })
    this.#child.stderr?.on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop() as string
      for (const line of lines) if (!this.#takeLine(line)) err += `${line}\n`
    })
    this.ended = new Promise((resolve) =>
      this.#child.once('close', (code, signal) => {
        living.delete(this.#child)
        this.#end = { code, signal, out, err: err + rest, atMs: Date.now() }
        appendFileSync(logFile, `--- ${this.pid}: ${signal ?? code} ${err}${rest}\n`)
        for (const wake of this.#waiting) wake()
        resolve(this.#end)
      }),
    )
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.#end !== undefined
  }

  get log(): readonly LogLine[] {
    return this.#log
  }

  /** SIGKILL, SIGSTOP, SIGCONT, SIGTERM, SIGUSR2; does nothing to one that has ended. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /**
   * The first line of the log that is so, from `since` on (a number of lines).
   *
   * @throws Error if it ends before, or nothing comes within `withinMs`
   */
  async saying(is: (line: LogLine) => boolean, { since = 0, withinMs = 60_000 } = {}): Promise<LogLine> {
    const deadline = Date.now() + withinMs
    for (;;) {
      const found = this.#log.slice(since).find(is)
      if (found !== undefined) return found
      if (this.#end !== undefined) throw new Error(`Process ${this.pid} ended with ${this.#end.code}: ${this.#end.err}`)
      if (Date.now() > deadline) throw new Error(`Process ${this.pid} has not said it within ${withinMs} ms`)
      await this.#change(deadline - Date.now())
    }
  }

  /** @throws Error if it goes on for longer */
  async end(withinMs: number): Promise<Ended> {
    const deadline = Date.now() + withinMs
    while (this.#end === undefined) {
      if (Date.now() > deadline) throw new Error(`Process ${this.pid} has not ended within ${withinMs} ms`)
      await this.#change(deadline - Date.now())
    }
    return this.#end
  }

  #takeLine(line: string): boolean {
    appendFileSync(this.#logFile, `${this.pid} ${line}\n`)
    if (!line.startsWith('{"level"')) return false
    this.#log.push(JSON.parse(line) as LogLine)
    for (const wake of this.#waiting) wake()
    return true
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer)
        this.#waiting.delete(settle)
        resolve()
      }
      const timer = setTimeout(settle, withinMs + 1)
      this.#waiting.add(settle)
    })
  }
}
