#!/usr/bin/env node
import module from 'node:module'
import { join } from 'node:path'
import { makeOwnFolder } from './cluster/own-files.ts'
import { cacheFolder } from './cluster/user-folders.ts'
import { exitCodes } from './errors.ts'
import { exitOnInterruption } from './observe/interruption.ts'
import { prepareProcess } from './observe/prepare-process.ts'

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(
    `vgm needs Node.js 24 or newer, and this is ${process.version}: install it from your package manager\n`,
  )
  process.exit(exitCodes.usage)
}

// Before the rest is loaded: to process 1 of a container a signal without a handler means nothing, and a stop would
// wait in vain.
exitOnInterruption()
prepareProcess()
// Half of a start is compiling. Nothing is kept where the folder cannot be written, or where others may: what is in it
// is run.
try {
  const compiled = join(cacheFolder(), 'compiled')
  for (const folder of [cacheFolder(), compiled]) makeOwnFolder(folder)
  module.enableCompileCache(compiled)
} catch {
  // Every start compiles.
}
// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(exitCodes.done)
})

const { runCommandLine } = await import('./commands/command-line.ts')
// Otherwise the first run would write it at its end, when a supervisor may be counting the seconds.
module.flushCompileCache()
await runCommandLine(process.argv)
