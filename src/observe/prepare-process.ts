import { setFlagsFromString } from 'node:v8'

/**
 * For the beginning of each program and thread of ours that works on rows.
 *
 * The heap grows to five times the live data before a full collection; V8 begins at half as much again. Socket buffers
 * and DuckDB's vectors are outside the heap, count as its growth and are soon garbage: 10 million rows normalized took
 * 22 full collections, and take 6. The live data are some 25 MiB.
 *
 * One warning of Node is suppressed: kafkajs passes a negative time to setTimeout, which is harmless. Others are
 * printed.
 */
export function prepareProcess(): void {
  setFlagsFromString('--heap-growing-percent=400')
  process.removeAllListeners('warning').on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.stack ?? warning}\n`)
  })
}
