import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { stateFolder } from './user-folders.ts'

/** Where clients found a cluster; undefined where nothing is known. */
export interface LastPorts {
  readonly broker?: number
  readonly registry?: number
}

const fileIn = (dataDir = stateFolder()): string => join(dataDir, 'ports.json')

/**
 * The ports of the last detached cluster with this data folder, or of the last one without any: clients that were told
 * an address find the next cluster there.
 */
export function lastPorts(dataDir?: string): LastPorts {
  try {
    const { broker, registry } = JSON.parse(readFileSync(fileIn(dataDir), 'utf8')) as Record<keyof LastPorts, unknown>
    return { ...(isPort(broker) && { broker }), ...(isPort(registry) && { registry }) }
  } catch {
    // There was no cluster before, or the file is damaged: any ports will do.
    return {}
  }
}

export function keepPorts({ brokers, registry }: Pick<Cluster, 'brokers' | 'registry'>, dataDir?: string): void {
  const ports: LastPorts = {
    broker: Number(new URL(`kafka://${brokers}`).port),
    registry: Number(new URL(registry).port),
  }
  try {
    writeFileSync(fileIn(dataDir), `${JSON.stringify(ports)}\n`)
  } catch {
    // The cluster runs; the next one has other ports.
  }
}

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536
