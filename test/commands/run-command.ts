import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

/** Runs `vgm` as a process of its own, which knows of no cluster unless it is told. */
export function vgm(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return runNode([main, ...args], options)
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
    // Neither the cluster of whoever runs the tests, nor the one of their "vgm up".
    env: {
      ...process.env,
      KAFKA_BROKERS: undefined,
      SCHEMA_REGISTRY_URL: undefined,
      VGM_DATASET: undefined,
      XDG_STATE_HOME: join(tmpdir(), 'vgm-test-no-state'),
      ...environment,
    },
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

/** A folder that goes with the test. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** One line that says what is wrong and what to do. */
export const oneLineError = /^error: [^\n]+\. \S[^\n]*\.\n$/
