import { counted } from '../observe/report-text.ts'
import { byteText, type Check, ok, warning } from './finding.ts'

const oldestNode = 24
const leastBytes = 1_000_000_000

export const machineChecks: readonly Check[] = [
  {
    name: 'node',
    about: `Node.js is ${oldestNode} or newer`,
    run: ({ machine: { nodeVersion } }) => [
      Number(nodeVersion.replace(/^v(\d+).*/, '$1')) >= oldestNode
        ? ok(`Node.js ${nodeVersion}`)
        : warning(`Node.js ${nodeVersion}`, `${oldestNode} or newer`, 'nvm install 24'),
    ],
  },
  {
    name: 'memory',
    about: 'each member has 1 GB of memory, within the limit of the container',
    run: ({ machine: { availableBytes, totalBytes } }) => {
      const found = `${byteText(availableBytes)} of ${byteText(totalBytes)} are free`
      return [
        availableBytes >= leastBytes
          ? ok(found)
          : warning(found, '1 GB for each member', 'Stop other programs, or raise the memory limit of the container'),
      ]
    },
  },
  {
    name: 'cores',
    about: 'there are two cores: one transforms rows while the other compresses and sends',
    run: ({ machine: { cores } }) => [
      cores >= 2
        ? ok(`${counted(cores, 'core')}: up to --members ${cores} is useful`)
        : warning('1 core', '2 or more', 'Raise the limit of the container'),
    ],
  },
]
