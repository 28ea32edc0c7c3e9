#!/usr/bin/env node
import { exitCodes } from './errors.ts'

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(
    `vgm needs Node.js 24 or newer, and this is ${process.version}: install it from your package manager\n`,
  )
  process.exit(exitCodes.usage)
}

// kafkajs gives setTimeout a negative time, harmlessly, and Node would tell our users.
process.removeAllListeners('warning').on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.stack ?? warning}\n`)
})

const { runCommandLine } = await import('./commands/command-line.ts')
await runCommandLine(process.argv)
