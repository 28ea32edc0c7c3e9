#!/usr/bin/env node
import { exitCodes } from './errors.ts'

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(
    `vgm needs Node.js 24 or newer, and this is ${process.version}: install it from your package manager\n`,
  )
  process.exit(exitCodes.usage)
}

const { silenceKafkajsWarning } = await import('./observe/node-warnings.ts')
const { runCommandLine } = await import('./commands/command-line.ts')
silenceKafkajsWarning()
await runCommandLine(process.argv)
