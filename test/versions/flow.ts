import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { vgm } from '../commands/run-command.ts'
import type { ReleaseCluster } from './release-cluster.ts'

/** How a step of the flow has ended: an empty text, or what is wrong. */
export type Outcome = string

const rows = 5_000
const dataset = 'versions'

/** Each has its own look at what came out, beside the exit code. */
const steps: readonly { readonly name: string; readonly args: readonly string[]; wrong(out: string): Outcome }[] = [
  { name: 'load', args: ['load', 'rows.csv', '--partitions', '3'], wrong: rowsIn('rowsOut') },
  { name: 'sample', args: ['sample'], wrong: rowsIn('rowsOut') },
  { name: 'fit', args: ['fit'], wrong: none },
  { name: 'normalize', args: ['normalize', '--until-end', '--members', '2'], wrong: rowsIn('rowsOut') },
  { name: 'restore', args: ['restore', '--until-end'], wrong: rowsIn('rowsOut') },
  { name: 'verify', args: ['verify'], wrong: none },
  { name: 'replay', args: ['replay', '--from', 'start', '--model', '1'], wrong: rowsIn('rowsOut') },
  { name: 'lag', args: ['lag'], wrong: none },
  { name: 'export', args: ['export', 'rows.parquet'], wrong: rowsIn('rowsOut') },
  { name: 'doctor', args: ['doctor'], wrong: (out) => (JSON.parse(out).errors === 0 ? '' : 'errors') },
]

export const stepNames: readonly string[] = steps.map(({ name }) => name)

/** Runs the whole flow on a cluster, each command as a process; what fails is told, and the next ones are tried. */
export async function runFlow(
  { brokers, registry }: Pick<ReleaseCluster, 'brokers' | 'registry'>,
  folder: string,
): Promise<ReadonlyMap<string, Outcome>> {
  const lines = Array.from({ length: rows }, (_, i) => `${i % 13}.25,${i % 5 === 0 ? '' : i % 50},t${i}`)
  writeFileSync(join(folder, 'rows.csv'), `x,n,t\n${lines.join('\n')}\n`)
  const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
  const outcomes = new Map<string, Outcome>()
  // It finds that all is missing, and makes nothing: topics that brokers made with settings of their own would fail the
  // steps that follow.
  await vgm(['doctor', '--dataset', dataset], { environment, folder })
  for (const { name, args, wrong } of steps) {
    const { code, out, err } = await vgm([...args, '--dataset', dataset, '--json'], { environment, folder })
    outcomes.set(name, code === 0 ? wrong(out) : (err.trim().split('\n').at(-1) ?? `exit code ${code}`))
  }
  return outcomes
}

function none(): Outcome {
  return ''
}

function rowsIn(field: string): (out: string) => Outcome {
  return (out) => {
    const found = JSON.parse(out)[field]
    return found === rows ? '' : `${found} rows of ${rows}`
  }
}
