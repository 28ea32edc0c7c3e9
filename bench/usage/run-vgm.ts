import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { InterruptedError, PipelineError } from '../../src/errors.ts'
import { type UsageReport, UsageSamples } from './usage-samples.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** A command of a run failed; starting the run again goes on with it. */
export class PhaseError extends PipelineError {
  readonly code = 'VGM_BENCH_PHASE'
}

export interface PhaseOptions {
  readonly environment: NodeJS.ProcessEnv
  readonly brokerPid: number | undefined
  readonly signal: AbortSignal
  readonly countRows?: () => Promise<number | undefined>
}

/** Runs a vgm command as its users do, and looks at its process meanwhile; returns what it printed as JSON. */
export async function runVgm<T>(
  args: readonly string[],
  { environment, brokerPid, signal, countRows = async () => undefined }: PhaseOptions,
): Promise<{ readonly result: T; readonly usage: UsageReport; readonly seconds: number }> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [main, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  })
  const interrupt = () => child.kill('SIGINT')
  signal.addEventListener('abort', interrupt)
  const samples = new UsageSamples(child.pid ?? 0, brokerPid, countRows)
  let output = ''
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  signal.removeEventListener('abort', interrupt)
  const usage = await samples.end()
  if (signal.aborted) throw new InterruptedError('Start it again: it goes on where it stopped')
  if (code !== 0)
    throw new PhaseError(`"vgm ${args[0]}" ended with code ${code}: ${output.trim()}`, {
      fix: 'See the lines above; started again, the run goes on here',
    })
  return { result: JSON.parse(output) as T, usage, seconds: (performance.now() - startedMs) / 1_000 }
}
