import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertResult } from './result-schema.ts'
import type { CommandLine, Printed } from './shared-process.ts'

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

let shared: { readonly child: ChildProcess; readonly gone: Promise<never> } | undefined
let lastShared: Promise<unknown> = Promise.resolve()

/**
 * Runs `vgm` in a process that all these calls of a test file share, one after another: most of a short command is its
 * start. For command lines that are done once they are read: no signal, no cluster.
 */
export function vgmShared(args: readonly string[], { environment }: Omit<RunOptions, 'folder'> = {}): Promise<Ended> {
  const ended = lastShared.then(async (): Promise<Ended> => {
    const startedMs = performance.now()
    shared ??= forkShared()
    const { child, gone } = shared
    child.channel?.ref()
    child.send({ args, environment: environmentOf(environment) } satisfies CommandLine)
    const [printed] = (await Promise.race([once(child, 'message'), gone])) as [Printed]
    child.channel?.unref()
    return checked(args, { ...printed, tookMs: performance.now() - startedMs })
  })
  lastShared = ended.catch(() => undefined)
  return ended
}

function forkShared(): NonNullable<typeof shared> {
  const child = fork(fileURLToPath(new URL('shared-process.ts', import.meta.url)), { execArgv: [] })
  child.unref()
  const gone = once(child, 'exit').then(([code]): never => {
    throw new Error(`The process of vgmShared ended with ${code}`)
  })
  gone.catch(() => undefined)
  return { child, gone }
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
