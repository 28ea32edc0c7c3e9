import { type ChildProcess, fork, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertResult } from './result-schema.ts'
import type { CommandLine } from './shared-process.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface Ended {
  /** null if a signal ended it */
  readonly code: number | null
  readonly out: string
  readonly err: string
  readonly tookMs: number
}

export interface RunOptions {
  readonly environment?: NodeJS.ProcessEnv
  readonly folder?: string
}

interface Test {
  after(work: () => void): void
}

/**
 * Runs `vgm` as a process of its own, which knows of no cluster unless it is told. What it prints with --json must be
 * what its schema says.
 */
export async function vgm(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return checked(args, await runNode([main, ...args], options))
}

function checked(args: readonly string[], ended: Ended): Ended {
  if (args.includes('--json') && ended.out !== '') assertResult(args, JSON.parse(ended.out))
  return ended
}

/** No command prints it. */
const endOfOutput = '\u0004'

interface SharedProcess extends ChildProcess {
  readonly stdout: Socket
  readonly stderr: Socket
}

let shared: SharedProcess | undefined
let lastShared: Promise<unknown> = Promise.resolve()

/**
 * Runs `vgm` in a process that all these calls of a test file share, one after another: most of a short command is its
 * start. For whatever ends by itself; that a process ends as well, `vgm` shows.
 */
export function vgmShared(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const ended = lastShared.then(() => runShared(args, options))
  lastShared = ended.catch(() => undefined)
  return ended
}

async function runShared(args: readonly string[], { environment, folder }: RunOptions): Promise<Ended> {
  const startedMs = performance.now()
  shared ??= forkShared()
  const child = shared
  const waitedFor = [child.channel, child.stdout, child.stderr]
  for (const each of waitedFor) each?.ref()
  const [out, err] = [textOf(child.stdout), textOf(child.stderr)]
  child.send({
    args,
    environment: environmentOf(environment),
    folder: folder ?? process.cwd(),
    end: endOfOutput,
  } satisfies CommandLine)
  const code = await new Promise<number | null>((resolve) => {
    const settle = (code: unknown) => {
      child.off('message', settle).off('exit', settle)
      resolve(code as number | null)
    }
    child.on('message', settle).on('exit', settle)
  })
  const ended = { code, out: await out, err: await err, tookMs: performance.now() - startedMs }
  for (const each of waitedFor) each?.unref()
  return checked(args, ended)
}

function forkShared(): SharedProcess {
  const program = fileURLToPath(new URL('shared-process.ts', import.meta.url))
  const child = fork(program, { execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }) as SharedProcess
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').resume()
  child.once('exit', () => {
    shared = undefined
  })
  child.unref()
  return child
}

/** What comes before the mark of the end, or before the end itself. */
function textOf(stream: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const settle = () => {
      stream.off('data', take).off('end', settle)
      resolve(text)
    }
    const take = (chunk: string) => {
      const isLast = chunk.endsWith(endOfOutput)
      text += isLast ? chunk.slice(0, -endOfOutput.length) : chunk
      if (isLast) settle()
    }
    stream.on('data', take).on('end', settle)
  })
}

export function runNode(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return run(process.execPath, args, options)
}

/** Runs a program to its end; rejects if there is none of this name. */
export function run(
  program: string,
  args: readonly string[],
  { environment, folder }: RunOptions = {},
): Promise<Ended> {
  const startedMs = performance.now()
  const child: ChildProcess = spawn(program, args, {
    env: environmentOf(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(folder !== undefined && { cwd: folder }),
  })
  let [out, err] = ['', '']
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out, err, tookMs: performance.now() - startedMs }))
  })
}

/** Without the cluster of whoever runs the tests, and the one of their "vgm up". */
function environmentOf(more: NodeJS.ProcessEnv | undefined): NodeJS.ProcessEnv {
  return {
    ...process.env,
    KAFKA_BROKERS: undefined,
    SCHEMA_REGISTRY_URL: undefined,
    VGM_DATASET: undefined,
    XDG_STATE_HOME: join(tmpdir(), 'vgm-test-no-state'),
    ...more,
  }
}

/** A folder that goes with the test. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** One line that says what is wrong and what to do. */
export const oneLineError = /^error: [^\n]+\. \S[^\n]*\.\n$/
