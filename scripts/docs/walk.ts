/**
 * Records docs/walk.md: the flow of the README in a terminal of 80 columns, on a cluster of its own.
 *
 *     npm run docs:walk
 *
 * It needs script(1), which gives the commands a terminal.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { randomFrom } from '../../test/seeded-random.ts'
import { type WalkStep, walk, walkDocument } from './walk-steps.ts'

const root = join(import.meta.dirname, '../..')
const columns = 80

const folder = mkdtempSync(join(tmpdir(), 'vgm-walk-'))
const work = join(folder, 'trips')
const home = join(folder, 'home')
for (const each of [work, home]) mkdirSync(each)
const vgm = `vgm() { '${process.execPath}' '${join(root, 'src/main.ts')}' "$@"; }`
const { KAFKA_BROKERS: _, SCHEMA_REGISTRY_URL: __, NO_COLOR: ___, CI: ____, ...others } = process.env
const env = { ...others, HOME: home, XDG_STATE_HOME: home, TERM: 'xterm-256color', LANG: 'C.UTF-8' }

interface Month {
  readonly name: string
  readonly from: string
  readonly days: number
  readonly rows: number
  /** fares of April times this */
  readonly dearer: number
  /** fares that are NaN */
  readonly withoutFare: number
}

/** Short trips and long ones, evenly over a month. */
function writeTrips({ name, from, days, rows, dearer, withoutFare }: Month): void {
  const random = randomFrom(rows)
  const normal = () => Array.from({ length: 12 }, random).reduce((sum, x) => sum + x) - 6
  const lines = Array.from({ length: rows }, (_, i) => {
    const started = new Date(Date.parse(from) + Math.floor((i * days * 86_400_000) / rows))
    const minutes = Math.max(1, random() < 0.7 ? 11 + 2 * normal() : 40 + 5 * normal())
    const fare = dearer * (3 + 0.9 * minutes + 0.5 * normal())
    const isWithout = withoutFare > 0 && i % Math.floor(rows / withoutFare) === 1_000
    const payment = random() < 0.6 ? 'card' : 'cash'
    const cells = [isWithout ? 'NaN' : fare.toFixed(2), Math.round(minutes), payment]
    return [started.toISOString().slice(0, 19).replace('T', ' '), ...cells].join(',')
  })
  writeFileSync(join(work, `${name}.csv`), `${['started,fare,minutes,payment', ...lines].join('\n')}\n`)
}

async function runSql(sql: string): Promise<void> {
  const database = await DuckDBInstance.create()
  const connection = await database.connect()
  await connection.run(sql)
  connection.closeSync()
  database.closeSync()
}

/** What stands on the terminal when a command has ended. */
async function onTerminal(command: string, isAtRoot: boolean): Promise<string> {
  const line = `stty cols ${columns} rows 24; ${vgm}; ${command}`
  const shell = spawn('script', ['-qfec', `bash -c ${quoted(line)}`, '/dev/null'], {
    cwd: isAtRoot ? root : work,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [printed, code] = await Promise.all([
    text(shell.stdout),
    new Promise<number | null>((resolve, reject) => shell.on('close', resolve).on('error', reject)),
  ])
  const shown = screenOf(printed)
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${shown}`)
  return shown
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`

const clearLine = '\u001b[2K'

/** Lines as they are left: progress is drawn over itself and removed. */
function screenOf(printed: string): string {
  const lines = printed.replaceAll('\r\n', '\n').split('\n')
  const left = lines.map((line) => stripVTControlCharacters(line.split(clearLine).at(-1) ?? ''))
  const strange = left.find((line) => /\p{Cc}/u.test(line))
  if (strange !== undefined) throw new Error(`What does ${JSON.stringify(strange)} show?`)
  return left.join('\n').trimEnd().replaceAll(folder, '~')
}

async function record(step: WalkStep): Promise<string> {
  const shown = await onTerminal(step.command, step.isAtRoot === true)
  for (const line of shown.split('\n'))
    if (line.length > columns) process.stderr.write(`${step.command}: ${line.length} columns: ${line}\n`)
  return shown
}

try {
  writeTrips({ name: 'april', from: '2026-04-01', days: 30, rows: 240_000, dearer: 1, withoutFare: 0 })
  writeTrips({ name: 'may', from: '2026-05-01', days: 10, rows: 80_000, dearer: 1.08, withoutFare: 7 })
  await runSql(`COPY (FROM '${work}/may.csv') TO '${work}/may.parquet'`)
  const shown: string[] = []
  for (const [, steps] of walk) for (const step of steps) shown.push(await record(step))
  writeFileSync(join(root, 'docs/walk.md'), walkDocument(shown))
} finally {
  await onTerminal('vgm down', false).catch(() => undefined)
  rmSync(folder, { recursive: true })
}
