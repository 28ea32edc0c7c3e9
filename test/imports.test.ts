import { deepEqual, equal } from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, test } from 'node:test'

/**
 * What each folder of src/ may import of ours, from the bottom to the top; three files of src/ itself are open to all.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  batch: [],
  mixture: [],
  drift: ['mixture'],
  avro: [],
  kernel: ['batch', 'mixture', 'drift'],
  rows: ['batch', 'avro', 'kernel'],
  ports: ['batch', 'rows'],
  observe: ['ports'],
  embedded: ['batch', 'avro', 'rows'],
  cluster: ['embedded'],
  config: ['ports', 'cluster'],
  files: ['batch', 'avro', 'rows'],
  model: ['batch', 'mixture', 'drift', 'avro', 'rows', 'ports'],
  drawing: ['mixture', 'drift', 'observe', 'model'],
  kafka: ['batch', 'rows', 'ports'],
  stages: ['batch', 'mixture', 'drift', 'avro', 'kernel', 'rows', 'ports', 'files', 'model'],
  pipeline: [
    ...[
      'batch',
      'mixture',
      'drift',
      'avro',
      'kernel',
      'rows',
      'ports',
      'observe',
      'drawing',
      'config',
      'files',
      'model',
      'kafka',
    ],
    'stages',
  ],
  doctor: [
    ...['batch', 'mixture', 'avro', 'kernel', 'rows', 'ports', 'observe', 'config', 'files', 'model', 'kafka'],
    ...['stages', 'pipeline'],
  ],
  bench: [
    ...['batch', 'mixture', 'avro', 'kernel', 'rows', 'ports', 'observe', 'config', 'files', 'model', 'kafka'],
    ...['stages', 'pipeline'],
  ],
  ui: [
    ...['batch', 'mixture', 'drift', 'avro', 'kernel', 'rows', 'ports', 'observe', 'drawing', 'config', 'files'],
    ...['model', 'kafka', 'stages', 'pipeline'],
  ],
  // Types are open to commands and reports: what a command does is work of the pipeline.
  reports: ['cluster', 'observe', 'drawing', 'config', 'pipeline', 'doctor'],
  commands: ['ports', 'cluster', 'observe', 'drawing', 'config', 'pipeline', 'doctor', 'bench', 'ui', 'reports'],
}

/** Folders that may know the types of all below them. */
const openToTypes = ['reports', 'commands']

const openToAll = [
  'src/errors.ts',
  'src/nearest-name.ts',
  'src/count-text.ts',
  'src/require-keys.ts',
  'src/iso-time.ts',
]

/** Packages that are somebody's trade: which folders may know them. */
const packages: Readonly<Record<string, readonly string[]>> = {
  kafkajs: ['kafka'],
  '@kafkajs/confluent-schema-registry': ['kafka'],
  '@platformatic/kafka': ['kafka'],
  '@duckdb/node-api': ['files'],
  commander: ['commands', 'config'],
  testcontainers: ['cluster'],
  preact: ['ui'],
  htm: ['ui'],
  esbuild: ['ui'],
}

const root = join(import.meta.dirname, '..')
const files = globSync('src/**/*.ts', { cwd: root }).sort()

interface Import {
  readonly from: string
  /** a file of ours, or a package */
  readonly to: string
  /** whether nothing is left of it at run time */
  readonly isType: boolean
}

const imports = files.flatMap((from): Import[] => {
  const source = readFileSync(join(root, from), 'utf8')
  const found = [...source.matchAll(/(?:\b(?:import|export) (type )?[^'();]*?\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)]
  return found.map(([, type, name]) => ({
    from,
    to: name.startsWith('.') ? normalize(join(dirname(from), name)) : name,
    isType: type !== undefined,
  }))
})

/** The folder below src/ that a file stands in; undefined for src/ itself, and for what is not ours. */
function folderOf(file: string): string | undefined {
  const [src, folder, ...rest] = file.split('/')
  return src === 'src' && rest.length > 0 ? folder : undefined
}

/** Whether a folder stands below another one in the table; src/ itself does not. */
function isBelow(folder: string | undefined, other: string): boolean {
  const order = Object.keys(allowed)
  return folder !== undefined && order.indexOf(folder) < order.indexOf(other)
}

describe('imports of src/', () => {
  test('fall: a folder knows those below it alone', () => {
    const climbing = imports.filter(({ from, to, isType }) => {
      const [own, other] = [folderOf(from), folderOf(to)]
      if (own === undefined || !to.startsWith('src/') || openToAll.includes(to)) return false
      if (isType && openToTypes.includes(own) && isBelow(other, own)) return false
      return own !== other && !allowed[own]?.includes(other ?? '')
    })
    deepEqual(climbing, [])
  })

  test('each folder stands in the table, below those that know it', () => {
    const folders = [...new Set(files.flatMap((file) => folderOf(file) ?? []))].sort()
    deepEqual(folders, Object.keys(allowed).sort())
    const order = Object.keys(allowed)
    const above = Object.entries(allowed).filter(([folder, below]) =>
      below.some((name) => order.indexOf(name) >= order.indexOf(folder)),
    )
    deepEqual(above, [])
  })

  test('name a client, a database or a command line only where it belongs', () => {
    const astray = imports.filter(({ from, to }) => packages[to]?.includes(folderOf(from) ?? '') === false)
    deepEqual(astray, [])
  })

  test('bring no client, database or codec to the command line before a command runs', () => {
    const reached = reachedFrom('src/commands/command-line.ts')
    const heavy = [...Object.keys(packages).filter((name) => name !== 'commander'), 'avsc', 'snappy']
    deepEqual(
      [...reached].filter((name) => heavy.includes(name)),
      [],
    )
    equal(reached.has('src/commands/normalize.ts'), true)
  })

  test('bring no client and no database to a program before it calls something', () => {
    const reached = reachedFrom('src/pipeline/index.ts')
    deepEqual(
      [...reached].filter((name) => Object.keys(packages).includes(name)),
      [],
    )
    equal(reached.has('src/pipeline/verify-dataset.ts'), true)
  })

  test('imports have no cycle', () => {
    const next = Map.groupBy(imports, ({ from }) => from)
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) {
        circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
        return
      }
      if (done.has(file)) return
      for (const { to } of next.get(file) ?? []) if (to.startsWith('src/')) visit(to, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
    deepEqual(circles, [])
  })
})

/** What is loaded with a file: ours, and packages. */
function reachedFrom(start: string): Set<string> {
  const reached = new Set([start])
  for (const file of reached) {
    if (!file.startsWith('src/')) continue
    const source = readFileSync(join(root, file), 'utf8')
    const atStart = source.matchAll(
      /^(?:import|export) (?!type )(?:[^'\n]|\n(?! *(?:import|export) ))*?from '([^']+)'/gm,
    )
    for (const [, name] of atStart) reached.add(name.startsWith('.') ? normalize(join(dirname(file), name)) : name)
  }
  return reached
}
