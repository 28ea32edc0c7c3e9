/**
 * The runner behind `npm test`.
 *
 *     node test/run.ts [unit|broker|docker|peers|all] [part of a file's path ...]
 *
 * `all` is unit and broker, `unit` is `timed` and `untimed`. When they are asked for, `docker` builds the image and
 * runs it beside a Docker engine, and `peers` compiles the programs that the bench compares us with, and compares their
 * rows with ours. All broker tests share one cluster, which they find in VGM_TEST_BROKERS and VGM_TEST_REGISTRY.
 * VGM_CLUSTER=docker|jvm|embedded|external chooses it; somebody's KAFKA_BROKERS is used with `external` only. Three
 * broker files run at a time, then the faults. Unit files take what these leave of the processors, those that watch no
 * clock last of all.
 *
 * A whole run shows a line a file, and the tests that failed; a run of parts shows each test. The end is node's own
 * summary, over all of them.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { pathToFileURL } from 'node:url'
import { startCluster } from '../src/cluster/start-cluster.ts'
import { shortLived } from './cluster/short-lived.ts'
import { testPython } from './python/python.ts'

const total: Record<string, number> = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 }

const [which = 'all', ...parts] = process.argv.slice(2)
const kinds = ['unit', 'timed', 'untimed', 'broker', 'docker', 'peers', 'all']
if (!kinds.includes(which)) {
  process.stderr.write(`"${which}" is not one of ${kinds.join(', ')}\n`)
  process.exit(2)
}
const checkout = join(import.meta.dirname, '..')
// For the tests and all that they start: otherwise each process would compile every module again.
process.env.NODE_COMPILE_CACHE ??= join(checkout, 'node_modules/.cache/compiled')
// The only such variable that reaches our JVMs.
process.env._JAVA_OPTIONS ??= shortLived.join(' ')
const files = globSync('test/**/*.test.ts', { cwd: checkout })
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .map((file) => join(checkout, file))
const ofKind = (kind: 'broker' | 'jvm' | 'faults' | 'docker' | 'peers') =>
  files.filter((file) => file.endsWith(`.${kind}.test.ts`)).sort()
const [docker, peers] = [ofKind('docker'), ofKind('peers')]
const [broker, jvm, faults] = which === 'peers' ? [peers, [], []] : [ofKind('broker'), ofKind('jvm'), ofKind('faults')]
const unit = files.filter((file) => ![...broker, ...jvm, ...faults, ...docker, ...peers].includes(file)).sort()
/** Unit files that compute, and to which it is all the same how long that takes. */
const untimed = ['batch', 'drift', 'files/reading', 'kafka/protocol-model', 'kernel', 'mixture']
const isUntimed = (file: string) => untimed.some((start) => relative(join(checkout, 'test'), file).startsWith(start))

/**
 * Folders whose unit files run in one process: they touch nothing but their own modules, and the start of a process is
 * most of a short file.
 */
const together = [
  ...['avro', 'batch', 'bench', 'config', 'docs', 'drawing', 'drift', 'embedded/core', 'embedded/protocol'],
  ...['embedded/registry', 'kernel', 'mixture', 'model', 'observe', 'reports', 'rows'],
]
/** Begun first, so that none of them is left alone at the end. */
const longest = [
  ...['ui/pages', 'kafka/protocol-model', 'mixture', 'files/reading', 'kernel'],
  ...['python/topics', 'doctor/doctor', 'kafka/group-session'],
]

/**
 * A file that takes longer hangs: the longest, the faults in short, takes some three minutes. What stands behind all
 * others may have to wait for them.
 */
const fileMs = (which === 'untimed' ? 60 : 15) * 60_000

// Two files would make its environment at once.
if (files.some((file) => file.includes('test/python/'))) await testPython()

/** Fires in a process of unit files whose parent has ended, by whatever signal. */
const abandoned = new AbortController()
process.once('disconnect', () => abandoned.abort())
// Listening would keep the process.
process.channel?.unref()
/** Files that are not of the checkout, by their path. */
const shownAs = new Map<string, string>()
const startedAt = performance.now()
const passed: boolean[] = []
if (which === 'unit') passed.push(await runUnit(unit))
if (which === 'timed') passed.push(await runUnit(unit.filter((file) => !isUntimed(file))))
if (which === 'untimed') passed.push(await runUnit(unit.filter(isUntimed)))
if (which === 'broker' || which === 'peers') passed.push(await runWithCluster())
if (which === 'all')
  passed.push(...(await Promise.all([runBehind('timed', 5), runBehind('untimed', 19), runWithCluster()])))
if (which === 'docker') passed.push(await runFiles(docker, 1))
const isPassed = passed.every(Boolean) && total.tests > 0
if (process.connected) process.send?.({ total, isPassed } satisfies Ended)
else if (!abandoned.signal.aborted) summarize()
process.exitCode = isPassed ? 0 : 1

/** What the process of the unit files tells. */
interface Ended {
  readonly total: typeof total
  readonly isPassed: boolean
}

/**
 * Runs unit files in a process that stands behind all others. Broker tests wait for much of their time, and some watch
 * the seconds; so do the faults. What watches no clock stands behind the other unit files too: it takes what all of
 * them leave, and what is left of it then runs beside the faults.
 */
async function runBehind(kind: 'timed' | 'untimed', niceness: number): Promise<boolean> {
  if (!unit.some((file) => isUntimed(file) === (kind === 'untimed'))) return true
  const child = fork(import.meta.filename, [kind, ...parts])
  setPriority(child.pid!, niceness)
  let isPassed = false
  child.on('message', (ended: Ended) => {
    isPassed = ended.isPassed
    for (const name of Object.keys(total)) total[name] += ended.total[name]
  })
  await once(child, 'close')
  return isPassed
}

function runUnit(files: string[]): Promise<boolean> {
  return runFiles(parts.length > 0 ? files : byFolder(files), 2)
}

/** The longest first, and for each folder of `together` one file that imports the others. */
function byFolder(files: readonly string[]): string[] {
  const cache = join(checkout, 'node_modules/.cache/tests')
  mkdirSync(cache, { recursive: true })
  const names = new Map(files.map((file) => [file, relative(join(checkout, 'test'), file)]))
  for (const folder of together) {
    const own = [...names].filter(([, name]) => dirname(name) === folder).map(([file]) => file)
    if (own.length === 0) continue
    for (const file of own) names.delete(file)
    const all = join(cache, `${folder.replace('/', '-')}.mjs`)
    writeFileSync(all, own.map((file) => `import ${JSON.stringify(pathToFileURL(file).href)}\n`).join(''))
    names.set(all, folder)
    shownAs.set(all, `test/${folder} (${own.length} files)`)
  }
  return longestFirst([...names.keys()], (file) => names.get(file)!)
}

function longestFirst(
  files: readonly string[],
  nameOf = (file: string) => relative(join(checkout, 'test'), file),
): string[] {
  const isLong = (file: string) => longest.some((start) => nameOf(file).startsWith(start))
  return [...files.filter(isLong), ...files.filter((file) => !isLong(file))]
}

async function runWithCluster(): Promise<boolean> {
  if (broker.length + jvm.length + faults.length === 0) return true
  const { VGM_CLUSTER } = process.env
  const environment = VGM_CLUSTER === 'external' ? process.env : { VGM_CLUSTER }
  const cluster = await startCluster({ environment, log: (line) => process.stderr.write(`${line}\n`) })
  const { brokers, registry, kind } = cluster
  process.stderr.write(`Broker tests use ${brokers} and ${registry} (${kind})\n`)
  const env = { ...process.env, VGM_TEST_BROKERS: brokers, VGM_TEST_REGISTRY: registry, VGM_TEST_CLUSTER: kind }
  const isKafkaHere = kind !== 'embedded'
  let isPassed: boolean
  try {
    // Those that start Apache Kafka take longest.
    isPassed = await runFiles(isKafkaHere ? [...jvm, ...longestFirst(broker)] : broker, 3, env)
  } finally {
    // Even one that nobody asks takes a tenth of a processor by now.
    await cluster.stop()
  }
  if (!isKafkaHere && jvm.length + faults.length > 0) {
    const names = [...jvm, ...faults].map((file) => relative(checkout, file)).join(', ')
    process.stdout.write(`Not covered, for these start Apache Kafka by themselves: ${names}\n`)
  }
  // The faults watch the seconds.
  return (await runFiles(isKafkaHere ? faults : [], 1)) && isPassed
}

async function runFiles(files: string[], concurrency: number, env = process.env): Promise<boolean> {
  if (files.length === 0) return true
  let success = true
  let done = 0
  // kafkajs gives setTimeout a negative time, harmlessly.
  const execArgv = ['--disable-warning=TimeoutNegativeWarning']
  const events = run({ files, concurrency, timeout: fileMs, execArgv, env, signal: abandoned.signal })
  events.on('test:summary', ({ file, counts, success: allPassed }) => {
    // The summaries of single files are parts of the last one.
    if (file !== undefined) return
    // The published types leave `failed` out.
    for (const name of Object.keys(total)) total[name] += (counts as Record<string, number>)[name]
    success = allPassed
  })
  if (parts.length === 0)
    events.on('test:complete', ({ name, details: { duration_ms: ms, passed } }) => {
      if (!files.includes(name)) return
      const progress = `${++done}/${files.length}`.padStart(7)
      const seconds = (ms / 1000).toFixed(1).padStart(6)
      process.stdout.write(
        `${progress} ${seconds} s ${passed ? ' ' : '✖'} ${shownAs.get(name) ?? relative(checkout, name)}\n`,
      )
    })
  const report = events
    // Two runs would print two summaries.
    .filter((event) => !(event.type === 'test:diagnostic' && event.data.nesting === 0 && isCount(event.data.message)))
    .filter((event) => parts.length > 0 || !(event.type === 'test:pass' || event.type === 'test:start'))
    .compose(new spec())
  report.pipe(process.stdout, { end: false })
  await finished(report)
  return success
}

function isCount(message: string): boolean {
  return /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(message)
}

function summarize(): void {
  const { tests, suites, passed, failed, cancelled, skipped, todo } = total
  const lines = Object.entries({ tests, suites, pass: passed, fail: failed, cancelled, skipped, todo })
  lines.push(['duration_ms', Math.round(performance.now() - startedAt)])
  for (const [name, value] of lines) process.stdout.write(`ℹ ${name} ${value}\n`)
}
