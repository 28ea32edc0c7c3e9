import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { run, runNode } from '../commands/run-command.ts'

const checkout = join(import.meta.dirname, '../..')
const rows = 2_000
const dataset = uniqueName('trips')
/** A project of somebody's, with the packed package in it and nothing of the checkout but its dependencies. */
let project: string
let environment: NodeJS.ProcessEnv

/** A program of a document, with another name for its data set. */
function programOf(name: string, document = 'docs/library.md'): string {
  const text = readFileSync(join(checkout, document), 'utf8')
  const program = new RegExp(`<!-- run: ${name} -->\n\`\`\`ts\n([^]*?)\n\`\`\``).exec(text)?.[1]
  ok(program !== undefined, name)
  const file = join(project, name)
  writeFileSync(file, program.replaceAll("'trips", `'${dataset}`))
  return file
}

suite('the packed package', () => {
  before(async () => {
    project = mkdtempSync(join(tmpdir(), 'vgm-package-'))
    const packed = await run('npm', ['pack', '--silent', '--pack-destination', project], { folder: checkout })
    equal(packed.code, 0, packed.err)
    const modules = join(project, 'node_modules')
    mkdirSync(join(modules, 'vgm-stream'), { recursive: true })
    const archive = packed.out.trim().split('\n').at(-1) ?? ''
    const into = ['--strip-components=1', '--directory', join(modules, 'vgm-stream')]
    const unpacked = await run('tar', ['--extract', '--file', join(project, archive), ...into])
    equal(unpacked.code, 0, unpacked.err)
    const installed = readdirSync(join(checkout, 'node_modules'))
    for (const name of installed) symlinkSync(join(checkout, 'node_modules', name), join(modules, name))
    writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }')
    const { brokers, registry } = await testCluster()
    environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
  })
  after(() => rmSync(project, { recursive: true, force: true }))

  test('loads, fits, normalizes, restores and verifies by a program outside of the checkout', async () => {
    const lines = Array.from({ length: rows }, (_, i) => `${(i % 90) / 4},${1 + (i % 7)},zone ${i % 5}`)
    writeFileSync(join(project, 'trips.csv'), `fare,miles,zone\r\n${lines.join('\r\n')}\r\n`)
    const file = join(project, 'flow.ts')
    writeFileSync(
      file,
      `import { fitDataset, loadFile, mismatches, normalizeTopic, openCluster } from 'vgm-stream/pipeline'
import { restoreTopic, verifyDataset } from 'vgm-stream/pipeline'
const brokers = process.env.KAFKA_BROKERS!.split(',')
const cluster = await openCluster({ brokers, registry: process.env.SCHEMA_REGISTRY_URL! })
const dataset = '${dataset}'
const loaded = await loadFile(cluster, { dataset, file: 'trips.csv' })
const { columns } = await fitDataset(cluster, { dataset, source: 'raw' })
const normalized = await normalizeTopic(cluster, { dataset, untilEnd: true, members: 2 })
const restored = await restoreTopic(cluster, { dataset, untilEnd: true })
const audit = await verifyDataset(cluster, { dataset, loaded: { file: 'trips.csv' } })
const rows = [loaded, normalized, restored].map(({ rowsOut }) => rowsOut)
const names = columns.map(({ name }) => name)
console.log(JSON.stringify({ rows, columns: names, faults: mismatches(audit), audited: audit.rows }))
await cluster.close()
`,
    )
    const { code, out, err } = await runNode([file], { environment, folder: project })
    equal(code, 0, err)
    deepEqual(JSON.parse(out), { rows: [rows, rows, rows], columns: ['fare', 'miles'], faults: 0, audited: rows })
  })

  test('docs/library.md: a stage inside a service goes on until SIGTERM', async () => {
    const child = spawn(process.execPath, [programOf('service.ts')], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, err] = ['', '']
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    // The flow has normalized all rows: its group has nothing to do, so give it some.
    const more = join(project, 'more.ts')
    writeFileSync(
      more,
      `import { loadFile, openCluster } from 'vgm-stream/pipeline'
const brokers = process.env.KAFKA_BROKERS!.split(',')
const cluster = await openCluster({ brokers, registry: process.env.SCHEMA_REGISTRY_URL! })
await loadFile(cluster, { dataset: '${dataset}', file: 'more.csv' })
await cluster.close()
`,
    )
    writeFileSync(join(project, 'more.csv'), 'fare,miles,zone\n1.5,0,zone 1\n2.5,4,zone 2\n')
    const loaded = await runNode([more], { environment, folder: project })
    equal(loaded.code, 0, loaded.err)
    const code = await new Promise((resolve) => {
      let isTold = false
      child.stdout.on('data', (chunk) => {
        out += chunk
        if (isTold || !/^2 rows$/m.test(out)) return
        isTold = child.kill('SIGTERM')
      })
      child.once('close', resolve)
    })
    equal(code, 0, err + out)
  })

  test('docs/library.md: a transform of your own divides, and sets aside what it cannot divide', async () => {
    const { code, out, err } = await runNode([programOf('scale.ts')], { environment, folder: project })
    equal(code, 0, err)
    match(out, new RegExp(`rowsIn: ${rows + 2},\\s+rowsOut: ${rows + 1},\\s+deadLetters: 1,`))
  })

  test('docs/library.md: a published model works on numbers', async () => {
    const { code, out, err } = await runNode([programOf('model.ts')], { environment, folder: project })
    equal(code, 0, err)
    match(out, /^1 fare Float64Array\(2\) .*\n1 miles Float64Array\(2\) /)
  })

  test('docs/embedded.md: a test of your own runs on an embedded cluster, with a fault', async () => {
    const { code, out, err } = await runNode([programOf('trips.test.ts', 'docs/embedded.md')], { folder: project })
    equal(code, 0, out + err)
  })

  test('its types compile for whoever checks the types of packages too', async () => {
    writeFileSync(
      join(project, 'typed.ts'),
      `import { type ClusterSession, type ErrorCode, fitDataset, openCluster, verifyDataset } from 'vgm-stream/pipeline'
import type { Compression, ConnectionSettings, Delivery, TableFormat, TextOptions } from 'vgm-stream/pipeline'
import type { TokenSource, TopicOverrides } from 'vgm-stream/pipeline'
import { columnModel, fitMixture } from 'vgm-stream/mixture'
import { Normalizer } from 'vgm-stream'
import { diagnoseCluster } from 'vgm-stream/doctor'
import { startEmbeddedCluster } from 'vgm-stream/testing'
const cluster: ClusterSession = await openCluster({ brokers: ['localhost:9092'], registry: 'http://localhost' })
export const { version } = await fitDataset(cluster, { dataset: 'd' })
export const { lost } = await verifyDataset(cluster, { dataset: 'd' })
export const normalizer = new Normalizer(columnModel(fitMixture(Float64Array.of(1, 2))))
export const fixes = (await diagnoseCluster(cluster, { dataset: 'd' })).findings.map(({ level, fix }) => [level, fix])
export const { kafka } = { kafka: (await startEmbeddedCluster()).brokers }
export const code: ErrorCode = 'VGM_MODELS_TOPIC'
// @ts-expect-error there is no such code
export const unknown: ErrorCode = 'VGM_NONE'
// @ts-expect-error what is in a session is not told
export const { admin } = cluster
export type Told = [Compression, ConnectionSettings, Delivery, TableFormat, TextOptions, TokenSource, TopicOverrides]
`,
    )
    const settings = ['--module', 'nodenext', '--target', 'es2022', '--types', 'node', '--skipLibCheck', 'false']
    const compiler = join(checkout, 'node_modules/typescript/bin/tsc')
    const flags = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noEmit']
    const { code, out, err } = await runNode([compiler, ...flags, ...settings, 'typed.ts'], { folder: project })
    equal(code, 0, out + err)
  })

  test('an error is an instance of the class that any of the three imports names', async () => {
    writeFileSync(
      join(project, 'errors.ts'),
      `import * as mixture from 'vgm-stream/mixture'
import * as pipeline from 'vgm-stream/pipeline'
import * as own from 'vgm-stream'
const seen = []
for (const { fitMixture } of [mixture, own])
  try {
    fitMixture(Float64Array.of(1), { components: 0 })
  } catch (error) {
    for (const { FitOptionError } of [mixture, own, pipeline]) seen.push(error instanceof FitOptionError)
    seen.push(error instanceof pipeline.PipelineError)
  }
const away = await pipeline.openCluster({ brokers: ['127.0.0.1:1'], registry: 'http://127.0.0.1:1' }).catch((e) => e)
seen.push(away instanceof pipeline.BrokerUnreachableError, typeof pipeline.ModelMissingError === 'function')
console.log(JSON.stringify(seen))
`,
    )
    const { code, out, err } = await runNode([join(project, 'errors.ts')], { folder: project })
    equal(code, 0, err)
    deepEqual(
      JSON.parse(out),
      Array.from({ length: 10 }, () => true),
    )
  })

  test('the mixture for other platforms is one file that imports nothing', () => {
    const text = readFileSync(join(project, 'node_modules/vgm-stream/dist/mixture.js'), 'utf8')
    doesNotMatch(text, /^\s*import\b|\bimport\(|\bfrom ['"]/m)
    doesNotMatch(text, /\brequire\(['"]/)
  })

  test('docs/library.md: the mixture alone prints what the README says', async () => {
    const { code, out, err } = await runNode([programOf('mixture.ts')], { environment, folder: project })
    equal(code, 0, err)
    const readme = readFileSync(join(checkout, 'README.md'), 'utf8')
    ok(readme.includes(`// ${out.trim().replaceAll('\n', '\n// ')}`), out)
  })
})
