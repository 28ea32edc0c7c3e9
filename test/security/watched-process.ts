import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const lookEveryMs = 50

export interface WatchedEnd {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** of the process and of whatever it has started, as everybody on the machine could read them */
  readonly commandLines: readonly string[]
  readonly tookMs: number
}

/** Runs `vgm` with nothing but this environment, and notes the command lines. */
export function watchedVgm(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<WatchedEnd> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [main, ...args], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      XDG_STATE_HOME: join(tmpdir(), 'vgm-test-no-state'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const seen = new Set<string>()
  const look = setInterval(() => {
    for (const line of commandLines(child.pid ?? 0)) seen.add(line)
  }, lookEveryMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearInterval(look)
      resolve({ code, out, err, commandLines: [...seen], tookMs: performance.now() - startedMs })
    })
  })
}

/** Of a process and its descendants, where the system has /proc. */
export function commandLines(pid: number): string[] {
  try {
    const own = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
    return [own, ...children.flatMap((child) => commandLines(Number(child)))]
  } catch {
    // It has ended, or there is no /proc.
    return []
  }
}
