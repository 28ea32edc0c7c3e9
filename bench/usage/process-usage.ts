import { globSync, readFileSync, readlinkSync } from 'node:fs'

/** What a process has used so far; times and bytes only grow. */
export interface ProcessUsage {
  readonly residentBytes: number
  readonly processorSeconds: number
  /** from and to the disk, not the page cache */
  readonly readBytes: number
  readonly writtenBytes: number
}

/** Linux counts in hundredths of a second there. */
const ticksPerSecond = 100

/** Undefined if the process has ended, or the machine has no /proc. */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const [, afterName] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
    const cells = afterName.split(' ')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const io = readFileSync(`/proc/${pid}/io`, 'utf8')
    const number = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0)
    return {
      residentBytes: 1024 * number(status, /^VmRSS:\s+(\d+)/m),
      processorSeconds: (Number(cells[11]) + Number(cells[12])) / ticksPerSecond,
      readBytes: number(io, /^read_bytes: (\d+)/m),
      writtenBytes: number(io, /^write_bytes: (\d+)/m),
    }
  } catch {
    return undefined
  }
}

/** The process of this machine that listens on a port; undefined if there is none that we may see. */
export function listenerOn(port: number): number | undefined {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const listening = '0A'
  const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => {
    try {
      return readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === listening)
        .map((cells) => `socket:[${cells[9]}]`)
    } catch {
      return []
    }
  })
  for (const link of globSync('/proc/[0-9]*/fd/*'))
    try {
      if (sockets.includes(readlinkSync(link))) return Number(link.split('/')[2])
    } catch {
      // It has been closed meanwhile, or is somebody else's.
    }
  return undefined
}
