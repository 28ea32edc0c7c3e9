/**
 * Takes the pictures of docs/ui.md, of example data on an embedded cluster, with the Chromium of this machine.
 *
 *     node scripts/ui-pictures.ts
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedCluster } from '../src/embedded/index.ts'
import { normalizeTopic, openCluster, replayTopic, restoreTopic } from '../src/pipeline/index.ts'
import { serveUi } from '../src/ui/serve-ui.ts'
import { launchChromium } from '../test/ui/chromium.ts'
import { fillTrips, fitAgain, keepWriting } from '../test/ui/example-data.ts'

const folder = join(import.meta.dirname, '../docs/images/ui')
const pictures = {
  flow: '/d/trips/flow',
  models: '/d/trips/models/1/fare?compare=2&x=30',
  rows: '/d/trips/rows/1/2000',
  'dead-letters': '/d/trips/dead-letters/1/9',
  runs: '/d/trips/runs',
}
/** Time that rows flow before the pictures: the line has a length then. */
const flowMs = 45_000

const embedded = await startEmbeddedCluster()
const ending = new AbortController()
const cluster = await openCluster({
  brokers: [embedded.brokers],
  registry: embedded.registry,
  signal: ending.signal,
})
const idle = await openCluster({ brokers: [embedded.brokers], registry: embedded.registry })
await fillTrips(cluster, 'trips')
await fitAgain(cluster, 'trips')
const ui = await serveUi(idle, { host: '127.0.0.1', port: 0 }, { dataset: 'trips', allowChanges: false })
const running = [
  normalizeTopic(cluster, { dataset: 'trips', members: 2 }),
  restoreTopic(cluster, { dataset: 'trips' }),
  keepWriting(cluster, 'trips'),
  // Slow enough to be seen as it runs.
  replayTopic(cluster, { dataset: 'trips', model: 1, maxRate: 60 }),
]
for (const each of running) each.catch(() => undefined)
mkdirSync(folder, { recursive: true })
const browser = await launchChromium()
// Somebody watches, so that each second is there.
const watching = await browser.newPage()
await watching.goto(ui.url)
await watching.waitForTimeout(flowMs)
for (const [name, path] of Object.entries(pictures))
  for (const width of [360, 1_440])
    for (const colorScheme of ['light', 'dark'] as const) {
      const viewport = { width, height: width === 360 ? 780 : 900 }
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' })
      const page = await context.newPage()
      await page.goto(new URL(path, ui.url).href)
      await page.locator('.page').first().waitFor()
      await page.waitForTimeout(1_500)
      await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`) })
      await context.close()
    }
await browser.close()
ending.abort()
await Promise.allSettled(running)
await ui.close()
await idle.close()
await cluster.close()
await embedded.stop()
