import { spawn } from 'node:child_process'

/** Runs a program to its end and returns what it printed. @throws Error with the end of its standard error */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly folder?: string; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.folder !== undefined && { cwd: options.folder }),
    env: { ...process.env, ...options.environment },
  })
  const endWithUs = () => child.kill('SIGKILL')
  process.once('exit', endWithUs)
  let output = ''
  let errors = ''
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes
  })
  child.stderr.on('data', (bytes: Buffer) => {
    errors = (errors + bytes).slice(-4_000)
  })
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      process.removeListener('exit', endWithUs)
      if (error === undefined) resolve(output)
      else reject(error)
    }
    child.once('error', settle)
    child.once('close', (code) =>
      settle(code === 0 ? undefined : new Error(`${command} ended with code ${code}: ${(errors || output).trim()}`)),
    )
  })
}

export interface PeerResult {
  readonly rows: number
  readonly seconds: number
}

/** The last line of a peer's output. */
export function parsePeerResult(output: string): PeerResult {
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as PeerResult
}
