import { suite, test } from 'node:test'
import { Worker } from 'node:worker_threads'

/*
 * VGM_MODEL_RUNS makes so many times the usual number of runs, VGM_MODEL_SEED others. What fails says with which seed
 * and path it fails again.
 */
const { VGM_MODEL_RUNS: times = '1', VGM_MODEL_SEED: seed = '20261124' } = process.env

/**
 * In a thread of its own: the test runner follows every promise of its own thread, which takes longer than the work.
 */
function holds(property: string, runs: number): Promise<void> {
  const workerData = { runs: runs * Number(times), seed: Number(seed) }
  const worker = new Worker(new URL(`./model/${property}.ts`, import.meta.url), { workerData })
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${property} ended with ${code}`))))
  })
}

suite('the protocol, on a model of the brokers', { concurrency: true }, () => {
  test('each row is once and in order in the output, whatever happens meanwhile, and everything ends', () =>
    holds('session-property', 700))

  test('a transaction is seen as a whole or not at all, in whatever order its producer is called', () =>
    holds('producer-property', 1_500))
})
