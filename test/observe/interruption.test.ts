import { equal, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

const module = new URL('../../src/observe/interruption.ts', import.meta.url)

/** A process that is asked to end, and whose work takes `workMs` then; how it ended, and after how long. */
async function interrupted(
  graceMs: number,
  workMs: number,
  signals: number,
): Promise<{ code: number; tookMs: number }> {
  const source = `
    import { setTimeout as sleep } from 'node:timers/promises'
    import { interruption } from ${JSON.stringify(module.href)}
    const signal = interruption(${graceMs})
    const alive = setInterval(() => undefined, 1_000)
    signal.addEventListener('abort', async () => {
      console.log('asked')
      await sleep(${workMs})
      clearInterval(alive)
    })
    console.log('ready')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  const saying = async (word: string) => {
    for (const deadline = Date.now() + 20_000; !said.includes(word); await sleep(5)) ok(Date.now() < deadline)
  }
  await saying('ready')
  const startedMs = performance.now()
  child.kill('SIGTERM')
  if (signals > 1) {
    await saying('asked')
    child.kill('SIGTERM')
  }
  return { code: await ended, tookMs: performance.now() - startedMs }
}

suite('shutdown by a signal', () => {
  test('lets work finish within its grace', async () => {
    const { code, tookMs } = await interrupted(20_000, 500, 1)
    equal(code, 0, 'its own end')
    ok(tookMs >= 500 && tookMs < 15_000, `${tookMs}`)
  })

  test('shutdown does not wait beyond its time limit', async () => {
    const { code, tookMs } = await interrupted(300, 60_000, 1)
    equal(code, 130)
    ok(tookMs >= 300 && tookMs < 15_000, `${tookMs}`)
  })

  test('is at once when it is asked for again', async () => {
    const { code, tookMs } = await interrupted(60_000, 60_000, 2)
    equal(code, 130)
    ok(tookMs < 15_000, `${tookMs}`)
  })

  test('is not lost where it comes while modules are loaded, before there is work that ends cleanly', async () => {
    const source = `
      import { exitOnInterruption, interruption } from ${JSON.stringify(module.href)}
      exitOnInterruption()
      console.log('ready')
      // As modules are loaded: no event gets through.
      for (const end = Date.now() + 500; Date.now() < end; );
      const signal = interruption(20_000)
      const late = setTimeout(() => process.exit(7), 20_000)
      signal.addEventListener('abort', () => clearTimeout(late))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.stdout.once('data', () => child.kill('SIGINT'))
    equal(await new Promise((resolve) => child.once('close', resolve)), 0)
  })
})
