import { equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run, temporaryFolder } from '../commands/run-command.ts'
import { writeParity } from './parity-data.ts'
import { type FoundPython, testPython, typesCache } from './python.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'python')

/** Values of each model. `npm test` takes fewer than a proof does. */
const values = Number(process.env.VGM_PARITY_VALUES ?? 20_000)

suite('the Python package', () => {
  let python: FoundPython
  before(async () => {
    python = await testPython()
  })

  test('passes its own tests, and transforms as the Normalizer does to the last bit', async (t) => {
    if ('missing' in python) return t.skip(python.missing)
    const parity = temporaryFolder(t)
    ok(writeParity(parity, values) >= 4 * values)
    const environment = {
      VGM_PARITY: parity,
      VGM_CHECKOUT: root,
      PYTHONPATH: join(folder, 'src'),
    }
    const { code, out, err } = await run(
      python.path,
      ['-m', 'pytest', '-q', '-ra', '--ignore', 'tests/test_topic.py'],
      { environment, folder },
    )
    equal(code, 0, out + err)
    // What is left out is said.
    t.diagnostic(out.trimEnd().split('\n').slice(-6).join('\n'))
  })

  test('has types that mypy finds nothing wrong with', async (t) => {
    if ('missing' in python) return t.skip(python.missing)
    const found = await run(python.path, ['-c', 'import mypy'])
    if (found.code !== 0) return t.skip('mypy is not installed')
    const { code, out, err } = await run(python.path, ['-m', 'mypy', '--cache-dir', typesCache], { folder })
    equal(code, 0, out + err)
  })

  test('has the version of the npm package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    ok(readFileSync(join(folder, 'pyproject.toml'), 'utf8').includes(`\nversion = "${version}"\n`))
    ok(readFileSync(join(folder, 'src/vgm_stream/__init__.py'), 'utf8').includes(`__version__ = "${version}"`))
  })
})
