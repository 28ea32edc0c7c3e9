/**
 * What the dashboard takes with a topic of many partitions and columns while rows flow: the time to the first view,
 * updates a second, memory of page and server. Broker, stages and dashboard are processes of their own, and all share
 * this machine with the browser.
 *
 *     npm run bench:ui                                         # 1,000 partitions, 100 columns, three minutes
 *     npm run bench:ui -- --partitions 100 --minutes 60
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { parseCount } from '../../src/config/value-parsers.ts'
import { textTable } from '../../src/observe/report-text.ts'
import { openCluster } from '../../src/pipeline/index.ts'
import { launchChromium } from '../../test/ui/chromium.ts'
import { fillWide, keepWide } from '../../test/ui/example-data.ts'
import { runMain } from '../run-main.ts'

const { values: flags } = parseArgs({
  options: {
    partitions: { type: 'string', default: '1000' },
    columns: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '3' },
    views: { type: 'string', default: '7' },
  },
})
const [partitions, columns] = [parseCount(flags.partitions), parseCount(flags.columns)]
const [minutes, viewCount] = [parseCount(flags.minutes), parseCount(flags.views)]
const dataset = 'wide'
const program = join(import.meta.dirname, '../../src/main.ts')
const say = (line: string) => process.stderr.write(`${line}\n`)

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-ui-'))
  const environment: NodeJS.ProcessEnv = { ...process.env, XDG_STATE_HOME: folder }
  const children: ChildProcess[] = []
  const ending = new AbortController()
  let browser: Browser | undefined
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [program, ...args], {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    return child
  }
  try {
    await once(start('up', '--cluster', 'embedded'), 'close')
    const state = await printed(start('status', '--json'))
    const { brokers, registry } = JSON.parse(state) as { brokers: string; registry: string }
    Object.assign(environment, { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry })
    const cluster = await openCluster({ brokers: brokers.split(','), registry, signal: ending.signal })
    say(`${partitions.toLocaleString('en')} partitions x ${columns} columns`)
    await fillWide(cluster, dataset, columns, partitions, Math.max(20_000, 2 * partitions))
    const ui = start('ui', dataset, '--http', '0', '--json')
    const { url } = JSON.parse(await firstLine(ui)) as { url: string }
    browser = await launchChromium()
    say('nobody writes')
    await firstViews(browser, url)
    say('rows flow')
    const writing = keepWide(cluster, dataset, columns, partitions).catch(() => undefined)
    start('normalize', '--dataset', dataset)
    start('restore', '--dataset', dataset)
    // Until both stages have all partitions.
    await sleep(15_000)
    await firstViews(browser, url)
    await overTime(browser, url, ui.pid ?? 0)
    ending.abort()
    await writing
    await cluster.close()
  } finally {
    ending.abort()
    await browser?.close()
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    await once(spawn(process.execPath, [program, 'down'], { env: environment, stdio: 'ignore' }), 'close')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The time of each page from the click to what it shows, in a browser that has never seen it. */
async function firstViews(browser: Browser, url: string): Promise<void> {
  const pages = {
    Flow: ['flow', '.flow-page'],
    Models: ['models', '.glance-card'],
    Rows: ['rows', '.rows tbody tr'],
    'Dead letters': ['dead-letters', '.letters-page, .empty'],
    Runs: ['runs', '.run'],
  } as const
  const rows: (string | number)[][] = []
  for (const [name, [path, shown]] of Object.entries(pages)) {
    const views: { readonly ms: number; readonly cpuMs: number }[] = []
    while (views.length < viewCount) {
      const context = await browser.newContext({ viewport: { width: 1_440, height: 900 } })
      const page = await context.newPage()
      const session = await context.newCDPSession(page)
      // Of the page's thread: other work on this machine does not count.
      await session.send('Performance.enable', { timeDomain: 'threadTicks' })
      await page.addInitScript(`(${noteFirst})(${JSON.stringify(shown)})`)
      await page.goto(new URL(`/d/${dataset}/${path}`, url).href)
      const ms = (await page.evaluate('globalThis.shown')) as number
      const { metrics } = await session.send('Performance.getMetrics')
      const task = metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0
      views.push({ ms, cpuMs: 1_000 * task })
      await context.close()
      await sleep(500)
    }
    const sorted = (of: (view: (typeof views)[number]) => number) => views.map(of).sort((a, b) => a - b)
    const [ms, cpuMs] = [sorted((view) => view.ms), sorted((view) => view.cpuMs)]
    const middle = Math.floor(viewCount / 2)
    rows.push([name, ...[ms[0], ms[middle], ms[viewCount - 1], cpuMs[middle]].map(Math.round)])
  }
  process.stdout.write(`${textTable(['first view', 'fastest ms', 'median ms', 'slowest ms', 'page CPU ms'], rows)}\n\n`)
}

/** Runs in the page: when what it is to show is on the screen, in ms from the click; a frame later it is painted. */
const noteFirst = `(shown) => {
  globalThis.shown = new Promise((resolve) => {
    const look = () => document.querySelector(shown) === null
      ? requestAnimationFrame(look)
      : requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
    look()
  })
}`

async function overTime(browser: Browser, url: string, pid: number): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1_440, height: 900 } })
  const page = await context.newPage()
  await page.addInitScript(`(${countUpdates})()`)
  await page.goto(new URL(`/d/${dataset}/flow`, url).href)
  await page.locator('.flow-page').waitFor()
  const rows: (string | number)[][] = []
  const cpu = cpuSeconds(pid)
  const startedMs = Date.now()
  for (let minute = 0; minute <= minutes; minute++) {
    if (minute > 0) await sleep(60_000)
    const updates = (await page.evaluate('globalThis.updates')) as number
    const seconds = (Date.now() - startedMs) / 1_000
    const share = minute === 0 ? 0 : (100 * (cpuSeconds(pid) - cpu)) / seconds
    const each = minute === 0 ? 0 : Number((updates / seconds).toFixed(2))
    rows.push([minute, each, megabytes(await heapBytes(page)), megabytes(residentBytes(pid)), Number(share.toFixed(1))])
  }
  const header = ['minute', 'updates/s', 'page MB', 'server MB', 'server % of a core']
  process.stdout.write(`${textTable(header, rows)}\n`)
  await context.close()
}

/** Runs in the page. */
const countUpdates = `() => {
  globalThis.updates = 0
  globalThis.EventSource = class extends EventSource {
    constructor(url) {
      super(url)
      this.addEventListener('message', () => { globalThis.updates++ })
    }
  }
}`

const megabytes = (bytes: number) => Number((bytes / 1e6).toFixed(1))

async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  await session.detach()
  return usedSize
}

function residentBytes(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return 1_024 * Number(kilobytes)
}

/** Of user and system, so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function printed(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += chunk
  })
  await once(child, 'close')
  return text
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = ''
  while (!text.includes('\n')) text += String((await once(child.stdout!, 'data'))[0])
  return text.split('\n')[0]
}

await runMain(main)
