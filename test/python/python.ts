import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../../src/cluster/user-folders.ts'
import { run } from '../commands/run-command.ts'

/** A Python for the tests of the package, or why there is none. */
export type FoundPython = { readonly path: string } | { readonly missing: string }

const folder = join(cacheFolder(), 'python-tests')
/** Of mypy, which reads its types of numpy for seconds without. */
export const typesCache = join(folder, 'types')
// What Python compiles stays, and not in the checkout: to compile pandas and scikit-learn takes longer than most tests.
process.env.PYTHONPYCACHEPREFIX = join(folder, 'compiled')
delete process.env.PYTHONDONTWRITEBYTECODE

/** What the tests use; each but numpy and pytest is left out where it is not installed. */
const packages = [
  ...['numpy==2.4.6', 'pytest==9.2.0', 'pandas==2.3.3', 'pyarrow==26.0.1', 'rdt==2.0.0', 'scikit-learn==1.9.1'],
  ...['confluent-kafka[avro,schemaregistry]==2.16.1', 'mypy==2.4.1', 'hatchling==1.33.0'],
]

/**
 * VGM_PYTHON, or the machine's Python if it has numpy and pytest, or one of a virtual environment that is made in the
 * user's cache folder on first use.
 */
export async function testPython(): Promise<FoundPython> {
  const attempt = (program: string, args: readonly string[]) =>
    run(program, args).catch((error: Error) => ({ code: 1, err: error.message }))
  for (const path of [process.env.VGM_PYTHON ?? '', 'python3'].filter((name) => name !== ''))
    if ((await attempt(path, ['-c', 'import numpy, pytest'])).code === 0) return { path }
  const path = join(folder, 'bin/python')
  const made = join(folder, `made-${packages.join('-').replaceAll(/[^\w.-]/g, '_')}`)
  if (existsSync(made)) return { path }
  mkdirSync(folder, { recursive: true })
  const venv = await attempt('python3', ['-m', 'venv', folder])
  if (venv.code !== 0) return { missing: `python3 -m venv failed: ${lastLine(venv.err)}` }
  const quick = ['--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '15', '--no-compile']
  const got = await attempt(path, ['-m', 'pip', 'install', ...quick, ...packages])
  if (got.code !== 0) return { missing: `pip could not install numpy and the others: ${lastLine(got.err)}` }
  writeFileSync(made, '')
  return { path }
}

if (import.meta.main) {
  const python = await testPython()
  process.stdout.write(`${'path' in python ? python.path : python.missing}\n`)
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
