import type { DetachedCluster, DetachedStatus, StoppedCluster } from '../cluster/detached-cluster.ts'
import { type LastEnd, sayEnd } from '../cluster/last-end.ts'

/** Where the cluster is that has been started. */
export function upText({ kind, brokers, registry, dataDir }: DetachedCluster): string {
  const unkept = dataDir === undefined ? 'data      until "vgm down"; --data-dir FOLDER keeps them\n' : ''
  return (
    `cluster   ${kind}\nKafka     ${brokers}\nregistry  ${registry}\n${dataLine(dataDir)}${unkept}\n` +
    'vgm commands find it automatically. Other programs need:\n' +
    `  export KAFKA_BROKERS=${brokers}\n  export SCHEMA_REGISTRY_URL=${registry}`
  )
}

/** Whether the cluster answers, since when it runs, and where it is. */
export function statusText(status: DetachedStatus): string {
  if (status.kind === undefined) return withEnd('No local cluster runs. "vgm up" starts one.', status.lastEnd)
  const { alive, kind, brokers, registry, sinceMs, dataDir } = status
  const state = alive ? 'running' : 'not answering'
  return (
    `${state} (${kind}), for ${formatAge(sinceMs)}\n` +
    `Kafka     ${brokers}\nregistry  ${registry}\n${dataLine(dataDir)}`.trimEnd()
  )
}

/** That the cluster has stopped, and what is left of it. */
export function downText({ stopped, dataDir, lastEnd }: StoppedCluster): string {
  if (!stopped) return withEnd('No local cluster was running.', lastEnd)
  const kept =
    dataDir === undefined
      ? 'Its topics and models are gone with it.\n"vgm up --data-dir FOLDER" keeps them.'
      : `Its topics and models are in ${dataDir}: "vgm up --data-dir ${dataDir}" goes on with them.`
  return `The local cluster has stopped. ${kept}`
}

/** With how the last cluster has ended, if nobody has stopped it. */
function withEnd(none: string, end: LastEnd | undefined): string {
  return end === undefined ? none : `${none}\n${sayEnd(end)}`
}

const dataLine = (dataDir: string | undefined): string => (dataDir === undefined ? '' : `data      ${dataDir}\n`)

/** @example formatAge(3_700_000) // '1 h 1 min' */
function formatAge(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return `${Math.floor(ms / 1_000)} s`
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
