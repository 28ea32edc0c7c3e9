import { equal, ok } from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { run, temporaryFolder, vgmShared } from '../commands/run-command.ts'
import { type FoundPython, testPython } from './python.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dataset = uniqueName('rides')
const modelsTopic = `${dataset}.models`

/** Fares with nulls, counts and texts: what people load. */
function rides(): string {
  const rows = Array.from({ length: 12_000 }, (_, i) => {
    const fare = i % 11 === 4 ? '' : ((i * 7919) % 10_007) / 100 + (i % 3 === 0 ? 40 : 0)
    return `${fare},${(i * 31) % 7},${(((i * 104_729) % 9_973) - 5_000) / 8},${['card', 'cash', ''][i % 3]},id-${i}`
  })
  return `fare,people,delta,payment,ride\n${rows.join('\n')}\n`
}

suite('the Python package on a cluster', () => {
  let environment: NodeJS.ProcessEnv
  let python: FoundPython
  const of = ['--dataset', dataset, '--models-topic', modelsTopic]

  before(async () => {
    python = await testPython()
    const { brokers, registry } = await testCluster()
    environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry, VGM_MODELS_TOPIC: modelsTopic }
  })

  /** Rows loaded, fitted, normalized, generated anew and restored: what examples/ctgan does. */
  async function circle(folder: string, path: string): Promise<void> {
    writeFileSync(join(folder, 'rides.csv'), rides())
    const args = [
      ...['rides.csv', '--dataset', dataset, '--generator', 'stand-in', '--rows', '2000', '--leave-out', 'ride'],
      // What the package is compared with.
      ...['--mode-choice', 'likely'],
    ]
    const { code, out, err } = await run(path, [join(root, 'examples/ctgan/circle.py'), ...args], {
      environment: {
        ...environment,
        VGM: `${process.execPath} --disable-warning=TimeoutNegativeWarning ${join(root, 'src/main.ts')}`,
        PYTHONPATH: join(root, 'python/src'),
      },
      folder,
    })
    equal(code, 0, err)
    const { rows, ours } = JSON.parse(out)
    equal(rows.synthetic, 2_000)
    ok(Math.max(...Object.values<number>(ours.ks), ...Object.values<number>(ours.tv)) < 0.1, out)
  }

  test('reads models, rows and matrices, restores as the product does, and its README gives a training batch', async (t) => {
    if ('missing' in python) return t.skip(python.missing)
    const extras = 'import pandas, pyarrow, confluent_kafka.schema_registry.avro'
    const found = await run(python.path, ['-c', extras])
    if (found.code !== 0) return t.skip(found.err.trimEnd().split('\n').at(-1))
    const folder = temporaryFolder(t)
    await circle(folder, python.path)
    await readme(t, folder, python.path)
    // Other versions, so that the current one is not the one of the rows.
    for (const args of [
      ['export', 'rows.parquet'],
      ['export', '--as', 'ctgan', '--indices', 'places.parquet', '--spans', 'places.json', '--leave-out', 'ride'],
      ['model', 'export', 'model.json'],
      ['fit', '--source', 'raw', '--no-promote'],
      ['model', 'alias', '@stable', '2'],
    ]) {
      const { code, err } = await vgmShared([...args, ...of], { environment, folder })
      equal(code, 0, err)
    }
    const given = {
      ...{ brokers: environment.KAFKA_BROKERS, registry: environment.SCHEMA_REGISTRY_URL, dataset, modelsTopic },
      ...{ topic: `${dataset}.normalized`, rawTopic: `${dataset}.raw`, discrete: ['payment', 'people'] },
      ...{
        model: join(folder, 'model.json'),
        parquet: join(folder, 'rows.parquet'),
        raw: join(folder, 'real.parquet'),
      },
      ...{
        places: join(folder, 'places.json'),
        spans: join(folder, 'spans.json'),
        synthetic: join(folder, 'synthetic'),
      },
    }
    const { code, out, err } = await run(python.path, ['-m', 'pytest', '-q', '-ra', 'tests/test_topic.py'], {
      environment: {
        VGM_TOPIC: JSON.stringify(given),
        PYTHONPATH: join(root, 'python/src'),
      },
      folder: join(root, 'python'),
    })
    equal(code, 0, out + err)
    t.diagnostic(out.trimEnd().split('\n').at(-1) ?? '')
  })

  /** Runs what python/README.md says, as it stands but for the name of the data set. */
  async function readme(t: TestContext, folder: string, path: string): Promise<void> {
    const text = readFileSync(join(root, 'python/README.md'), 'utf8').replaceAll('trips', dataset)
    const [shell, program] = ['sh', 'python'].map((language) => {
      const block = text.split(`\`\`\`${language}\n`)[1]?.split('```')[0]
      ok(block !== undefined, `python/README.md has no block of ${language}`)
      return block
    })
    const lines = `${shell}\n${program}`.split('\n').filter((line) => line !== '')
    ok(lines.length <= 10, `the README takes ${lines.length} lines to the first batch`)
    const built = await run('npm', ['run', 'build:python'], { folder: root })
    if (built.code !== 0) return t.diagnostic(`the README's lines are left out: pip builds no wheel: ${built.err}`)
    const [wheel] = readdirSync(join(root, 'python/dist'))
    equal(wheel, `vgm_stream-${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}-py3-none-any.whl`)
    // A new environment, which finds the packages of the tests' own: pip has nothing to download.
    const venv = join(folder, 'venv')
    equal((await run(path, ['-m', 'venv', venv])).code, 0)
    const sites = 'import site, sysconfig; print(sysconfig.get_path("purelib"))'
    const site = async (of: string) => (await run(of, ['-c', sites])).out.trim()
    writeFileSync(join(await site(join(venv, 'bin/python')), 'tests.pth'), `${await site(path)}\n`)
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'vgm'), `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'src/main.ts')}" "$@"\n`)
    chmodSync(join(bin, 'vgm'), 0o755)
    symlinkSync(join(root, 'python'), join(folder, 'python'))
    const at = {
      environment: { ...environment, PATH: `${bin}:${join(venv, 'bin')}:${process.env.PATH}` },
      folder,
    }
    const prepared = await run('sh', ['-ec', shell], at)
    equal(prepared.code, 0, prepared.out + prepared.err)
    const { code, out, err } = await run(join(venv, 'bin/python'), ['-c', program], at)
    equal(code, 0, err)
    const batches = out.trimEnd().split('\n')
    equal(batches.length, 24, '12,000 rows in batches of 500')
    ok(
      batches.every((line) => /^\(500, \d+\) float32$/.test(line)),
      out,
    )
  }
})
