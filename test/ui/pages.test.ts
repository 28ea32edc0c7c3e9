import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { type EmbeddedCluster, startEmbeddedCluster } from '../../src/embedded/index.ts'
import { type ClusterSession, openCluster } from '../../src/pipeline/index.ts'
import { type ServedUi, serveUi } from '../../src/ui/serve-ui.ts'
import { randomFrom } from '../seeded-random.ts'
import { launchChromium, withoutChromium } from './chromium.ts'
import { fillTrips, fillWide, fitAgain } from './example-data.ts'

/** Of the tests that use it for a while; `npm run test:ui-monkey` uses it at random for ten minutes. */
const seconds = Number(process.env.VGM_UI_SECONDS ?? 8)

const views = [
  '/d/trips/flow',
  '/d/trips/models',
  '/d/trips/models/1/fare?compare=2&x=30&log=1',
  '/d/trips/rows/1',
  '/d/trips/rows/1/300',
  '/d/trips/dead-letters',
  '/d/trips/dead-letters/1/9',
  '/d/trips/runs',
  '/d/wide/models',
  '/d/wide/flow',
  '/d/none/flow',
  '/d/none/models',
  '/d/none/rows',
  '/d/none/dead-letters',
  '/d/none/runs',
]

suite('the dashboard in a browser', { skip: withoutChromium }, () => {
  let embedded: EmbeddedCluster
  let cluster: ClusterSession
  let ui: ServedUi
  let readOnly: ServedUi
  let browser: Browser
  const problems: string[] = []

  before(async () => {
    embedded = await startEmbeddedCluster()
    cluster = await openCluster({ brokers: [embedded.brokers], registry: embedded.registry })
    await fillTrips(cluster, 'trips', 400)
    await fitAgain(cluster, 'trips')
    await fillWide(cluster, 'wide', 100, 80, 800)
    ui = await serveUi(cluster, { host: '127.0.0.1', port: 0 }, { dataset: 'trips', allowChanges: true })
    readOnly = await serveUi(cluster, { host: '127.0.0.1', port: 0 }, { allowChanges: false })
    browser = await launchChromium()
  })

  after(async () => {
    await browser?.close()
    await ui?.close()
    await readOnly?.close()
    await cluster?.close()
    await embedded?.stop()
  })

  async function open(path: string, width = 1_440, theme: 'dark' | 'light' = 'light', at = ui): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width, height: 900 },
      colorScheme: theme,
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    const page = await context.newPage()
    page.on('pageerror', (error) => problems.push(`${path}: ${error.message}`))
    page.on('console', (message) => {
      // A page without a topic is told so with status 400, which the browser notes.
      const isNoted = message.text().startsWith('Failed to load resource')
      if (['error', 'warning'].includes(message.type()) && !isNoted) problems.push(`${path}: ${message.text()}`)
    })
    await page.goto(new URL(path, at.url).href)
    await page.locator('.page, .empty, .problem').first().waitFor({ timeout: 30_000 })
    return page
  }

  async function settled(page: Page): Promise<void> {
    await page.locator('.waiting').first().waitFor({ state: 'detached', timeout: 30_000 })
  }

  test('axe finds nothing on any page in either theme, and no page is wider than its window', {
    timeout: 300_000,
  }, async () => {
    const page = await open('/d/trips/flow')
    for (const path of views) {
      await page.setViewportSize({ width: 1_440, height: 900 })
      await page.goto(new URL(path, ui.url).href)
      await page.locator('.page, .empty').first().waitFor({ timeout: 30_000 })
      await settled(page)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        deepEqual(await violations(page), [], `${path}, ${colorScheme}`)
      }
      for (const width of [2_560, 768, 360]) {
        await page.setViewportSize({ width, height: 900 })
        // Pictures take their new width in a frame of their own.
        const over = () => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
        for (let tries = 0; tries < 50 && (await over()) !== 0; tries++) await page.waitForTimeout(100)
        equal(await over(), 0, `${path} at ${width} px`)
      }
    }
    deepEqual(problems, [])
    await page.context().close()
  })

  test('rows stand beside what became of them, and a link is a row', async () => {
    const page = await open('/d/trips/rows/2/150')
    await page.locator('.one-row').waitFor()
    const text = (await page.locator('.one-row').textContent()) ?? ''
    match(text, /Partition 2, offset 150/)
    match(text, /normalized\s*offset 15\d/)
    match(text, /restored\s*offset 15\d/)
    equal(await page.locator('.one-row .differs').count(), 0)
    await page.locator('.one-row td .mode').first().click()
    await page.waitForURL(/models\/1\/fare\?x=/)
    match((await page.locator('.tip').textContent()) ?? '', /→/)
    await page.context().close()
  })

  test('a row of a hundred columns is shown whole, a moment after what a screen has room for', async () => {
    const page = await open('/d/wide/rows/3')
    await page
      .locator('.rows th')
      .nth(4 + 99)
      .waitFor({ state: 'attached', timeout: 20_000 })
    const cells = await page.evaluate(`document.querySelector('.rows tbody tr').cells.length`)
    equal(cells, 4 + 100)
    await page.locator('.rows tbody tr').first().click()
    await page.waitForURL(/\/rows\/3\/\d+/)
    equal(await page.locator('.rows tr.chosen').count(), 1)
    await page.context().close()
  })

  test('a dead letter shows how far it can be decoded', async () => {
    const page = await open('/d/trips/dead-letters/0/9')
    await page.locator('.letter').waitFor()
    const text = (await page.locator('.letter').textContent()) ?? ''
    match(text, /VGM_ROW_MALFORMED/)
    match(text, /field wait, from byte \d+ on/)
    ok((await page.locator('.hex mark').count()) > 0)
    await page.context().close()
  })

  test('a command is copied, also where the browser gives no clipboard', async () => {
    const page = await open('/d/none/models')
    const button = page.getByRole('button', { name: 'Copy the command' })
    await button.click()
    await page.getByText('Copied', { exact: true }).waitFor()
    await page.getByText('Copied', { exact: true }).waitFor({ state: 'detached' })
    await page.evaluate(`Object.defineProperty(navigator, 'clipboard', { value: undefined })`)
    await button.click()
    await page.getByText('Copied', { exact: true }).waitFor()
    equal(await page.evaluate(`document.querySelectorAll('textarea').length`), 0)
    deepEqual(problems, [])
    await page.context().close()
  })

  test('keys go to pages, find, and walk', async () => {
    const page = await open('/d/trips/flow')
    await page.keyboard.press('g')
    await page.keyboard.press('m')
    await page.waitForURL(/\/models/)
    await page.locator('[data-find]').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('dist')
    await page.locator('.glance-card').nth(1).waitFor({ state: 'detached' })
    equal(await page.locator('.glance-card').count(), 1)
    await page.evaluate('document.activeElement.blur()')
    await page.keyboard.press('g')
    await page.keyboard.press('r')
    await page.locator('.rows').waitFor()
    await page.locator('.scroll.tall').focus()
    await page.keyboard.press('ArrowDown')
    await page.waitForURL(/\/rows\/0\/\d+/)
    await page.keyboard.press('?')
    await page.locator('dialog.keys[open]').waitFor()
    await page.context().close()
  })

  test('a value becomes (value, mode), and the way back', async () => {
    const page = await open('/d/trips/models/1/fare?x=30')
    const inputs = page.locator('.converter input')
    await inputs.first().waitFor()
    equal(await inputs.first().inputValue(), '30')
    const normalized = await inputs.nth(1).inputValue()
    // What is shown follows in a turn of its own; the page forbids the eval of waitForFunction.
    const enter = async (input: number, text: string, typesForMs = 0) => {
      const shown = inputs.nth(1 - input)
      const from = await shown.inputValue()
      await inputs.nth(input).fill(text)
      await sleep(typesForMs)
      await inputs.nth(input).press('Tab')
      for (let looks = 0; looks < 500; looks++) {
        if ((await shown.inputValue()) !== from) return
        await sleep(20)
      }
      throw new Error(`${text} in field ${input} changes nothing: ${from}`)
    }
    // Several live updates come while it is typed.
    await enter(0, '7', 3_000)
    const mode = await page.locator('.converter select').inputValue()
    ok(mode !== '')
    const ofSeven = await inputs.nth(1).inputValue()
    await enter(1, '0')
    await enter(1, ofSeven)
    ok(Math.abs(Number(await inputs.first().inputValue()) - 7) < 0.01)
    ok(normalized !== '0')
    await page.context().close()
  })

  test('names and values are text, whatever stands in them', async () => {
    const random = randomFrom(3)
    const parts = [
      '<img src=x onerror=hit()>',
      '"><script>hit()</script>',
      "'",
      '`hit()`',
      '\u202e',
      '\u0000',
      '{{',
      'ü',
      ']]>',
      '&lt;',
      'javascript:hit()',
      '<svg onload=hit()>',
    ]
    const name = () => Array.from({ length: 4 }, () => parts[Math.floor(random() * parts.length)]).join('')
    const hostile = (value: unknown): unknown => {
      if (typeof value === 'string') return name()
      if (Array.isArray(value)) return value.map(hostile)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value).map(([key, each]) =>
          ['state', 'stage', 'kind'].includes(key) ? [key, each] : [key, hostile(each)],
        ),
      )
    }
    const context = await browser.newContext()
    for (const path of ['flow', 'models', 'rows/1/300', 'dead-letters/1/9', 'runs']) {
      const page = await context.newPage()
      await page.addInitScript(() => {
        Object.assign(globalThis, { hits: 0, hit: () => Object.assign(globalThis, { hits: 1 }) })
      })
      await page.route(/\/api\/d\/trips\/(?!events)/, async (route) => {
        const response = await route.fetch()
        const body = response.headers()['content-type']?.startsWith('application/json')
          ? JSON.stringify(hostile(await response.json()))
          : await response.text()
        await route.fulfill({ response, body })
      })
      await page.route(/\/events$/, (route) => route.abort())
      await page.goto(new URL(`/d/trips/${path}`, ui.url).href)
      await page
        .locator('.page, .empty, .problem')
        .first()
        .waitFor({ timeout: 30_000 })
        .catch(() => null)
      await page.waitForTimeout(300)
      const found = await page.evaluate(`({
        hits: globalThis.hits,
        scripts: document.querySelectorAll('script').length,
        made: document.querySelectorAll('img, [onerror], [onload]').length,
        links: [...document.querySelectorAll('a')].filter((link) => link.protocol === 'javascript:').length,
      })`)
      deepEqual(found, { hits: 0, scripts: 1, made: 0, links: 0 }, path)
      await page.unrouteAll({ behavior: 'ignoreErrors' })
      await page.close()
    }
    await context.close()
  })

  test('without --allow-changes nothing can be changed', async () => {
    const page = await open('/d/trips/dead-letters/1/9', 1_440, 'light', readOnly)
    await page.locator('.letter').waitFor()
    equal(await page.getByRole('button', { name: /retry/i }).count(), 0)
    const status = await page.evaluate(async () => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch('/api/d/trips/retry', { method: 'POST', headers, body: '{}' })).status
    })
    equal(status, 403)
    await page.context().close()
  })

  test('a retry says what it will do, does it, and new dead letters wait to be shown', async () => {
    const page = await open('/d/trips/dead-letters/1/9')
    await page.locator('.letter').waitFor()
    await page.getByRole('button', { name: 'Retry this one' }).click()
    const dialog = page.locator('.letter dialog[open]')
    match((await dialog.textContent()) ?? '', /written to trips\.raw again/)
    await dialog.getByRole('button', { name: 'Retry', exact: true }).click()
    await page.getByText('1 row sent again').waitFor({ timeout: 20_000 })
    await page.context().close()
  })

  test('live figures do not fill the memory', { timeout: 60_000 + 1_500 * seconds }, async (t) => {
    const page = await open('/d/wide/flow')
    const session = await page.context().newCDPSession(page)
    const used = async () => {
      await session.send('HeapProfiler.collectGarbage')
      return (await session.send('Runtime.getHeapUsage')).usedSize / 1e6
    }
    await page.waitForTimeout(3_000)
    const first = await used()
    await page.waitForTimeout(1_000 * seconds)
    const last = await used()
    t.diagnostic(`${first.toFixed(1)} MB, and ${last.toFixed(1)} MB after ${seconds} s`)
    ok(last < first + 2, `${first} MB became ${last} MB`)
    await page.context().close()
  })

  test('random use finds no error', { timeout: 120_000 + 1_500 * seconds }, async (t) => {
    problems.length = 0
    const random = randomFrom(Number(process.env.VGM_UI_SEED ?? 5))
    const page = await open('/d/trips/flow', 1_100, 'dark', readOnly)
    const keys = ['g', 'f', 'm', 'r', 'd', 'u', '/', '?', 'Escape', 'ArrowDown', 'ArrowLeft', 'Tab', 'Enter', 'x']
    let steps = 0
    for (const endMs = Date.now() + 1_000 * seconds; Date.now() < endMs; steps++) {
      const kind = random()
      if (kind < 0.25) await page.keyboard.press(keys[Math.floor(random() * keys.length)])
      else if (kind < 0.3) await page.setViewportSize({ width: 360 + Math.floor(1_500 * random()), height: 800 })
      else await page.evaluate(`(${useSomething})(${random()}, ${random()})`)
      await page.waitForTimeout(20)
    }
    t.diagnostic(`${steps} steps`)
    deepEqual(problems, [])
    await page.context().close()
  })
})

interface AxeApi {
  run(options: { readonly resultTypes: readonly string[] }): Promise<{
    readonly violations: readonly {
      readonly id: string
      readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
    }[]
  }>
}

async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: AxeApi }
    // What is well need not be described.
    const found = await axe.run({ resultTypes: ['violations'] })
    return found.violations.map(
      ({ id, nodes }) => `${id}: ${nodes.length} as ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary}`,
    )
  })
}

/** Uses one of the things on the page, chosen by two numbers in [0, 1); run in the page. */
const useSomething = `function (which, how) {
  const found = document.querySelectorAll('a:not([download]), button, select, input, summary, .walked, tr')
  const seen = [...found].filter((element) => element.checkVisibility())
  const element = seen[Math.floor(which * seen.length)]
  if (element === undefined) return
  if (element.matches('select')) element.selectedIndex = Math.floor(how * element.options.length)
  else if (element.matches('input') && how < 0.7) {
    // A browser lets nobody type a text into a field for numbers, and notes it of a script.
    const texts = element.type === 'number' ? ['', '-1', '1e40', '12'] : ['', '-1', '1e40', '12', 'fare', '<b>']
    element.value = texts[Math.floor(how * 8)] ?? '0'
  }
  else return element.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, clientX: 900 * how, clientY: 400 }))
  for (const kind of ['input', 'change']) element.dispatchEvent(new Event(kind, { bubbles: true }))
}`
