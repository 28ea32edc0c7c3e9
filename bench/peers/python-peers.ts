import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../../src/cluster/user-folders.ts'
import { runProgram } from './run-program.ts'

const packages = ['confluent-kafka==2.16.1', 'numpy==2.4.6']

/**
 * The interpreter of a virtual environment with confluent-kafka and numpy, made in the user's cache folder on first
 * use.
 *
 * @throws Error if there is no Python, or pip fails
 */
export async function confluentKafkaPython(say: (line: string) => void): Promise<string> {
  const folder = join(cacheFolder(), 'kafka-peers')
  const python = join(folder, 'bin', 'python')
  const made = join(folder, `made-${packages.join('-')}`)
  if (existsSync(made)) return python
  say(`Installing ${packages.join(', ')} (once)`)
  mkdirSync(folder, { recursive: true })
  await runProgram('python3', ['-m', 'venv', folder])
  await runProgram(python, ['-m', 'pip', 'install', '--quiet', ...packages])
  writeFileSync(made, '')
  return python
}
