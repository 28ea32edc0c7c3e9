/**
 * "vgm bench" with the peers of bench/peers.
 *
 *     npm run bench                                            # 10 to 15 minutes
 *     npm run bench -- --rows 1e6 --rounds 1 --without peers   # two minutes
 */

import { runCommandLine } from '../src/commands/command-line.ts'
import { exitOnInterruption } from '../src/observe/interruption.ts'
import { prepareProcess } from '../src/observe/prepare-process.ts'
import { preparePeers } from './peers/peers.ts'

exitOnInterruption()
prepareProcess()
const [node, file, ...flags] = process.argv
await runCommandLine([node, file, 'bench', ...flags], preparePeers)
