import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditResult } from '../../src/pipeline/verify-dataset.ts'
import type { ClusterFacts } from './cluster-facts.ts'
import type { FaultCluster } from './fault-cluster.ts'
import type { FaultDataset } from './fault-dataset.ts'
import { VgmProcess } from './vgm-process.ts'

/** A transaction's time-out, the broker's look at it, and the writing of its markers. */
const graceMs = 20_000

/** Ten million rows take half a minute on a quiet machine; what takes longer than this has stopped. */
const auditMs = 600_000

/** An audit has found faults, or could not be done. */
export class AuditError extends Error {
  readonly result: AuditResult | undefined
  constructor(what: string, result?: AuditResult) {
    super(result === undefined ? what : `${what}: ${JSON.stringify(result)}`)
    this.result = result
  }
}

/**
 * Audits a data set with `vgm verify` in a process of its own, which shares no code with the row path: in = out + dead
 * letters, each row once, in order, every value recomputed, no transaction left open on a partition. Rows that the
 * groups have not come to are pending, so it may run beside the stages.
 *
 * @throws AuditError if anything is wrong
 */
export async function audit(cluster: FaultCluster, dataset: FaultDataset, logFile: string): Promise<AuditResult> {
  const address = ['--brokers', cluster.brokers, '--registry', cluster.registry]
  const verify = new VgmProcess(['verify', '--json', ...address, ...dataset.flags], logFile)
  const { code, out, err } = await verify.end(auditMs).finally(() => verify.signal('SIGKILL'))
  if (out === '') throw new AuditError(`The audit of ${dataset.name} failed with code ${code}: ${err}`)
  const result = JSON.parse(out) as AuditResult
  if (code !== 0) throw new AuditError(`The audit of ${dataset.name} found faults`, result)
  return result
}

/**
 * The audit after a case: nothing is pending any more either, all rows that were written are there, and the
 * coordinators hold no unfinished transaction of the data set.
 *
 * @throws AuditError
 */
export async function finalAudit(cluster: FaultCluster, dataset: FaultDataset, logFile: string): Promise<AuditResult> {
  await untilNoTransaction(cluster.facts, dataset)
  const result = await audit(cluster, dataset, logFile)
  if (result.pending > 0) throw new AuditError(`${result.pending} rows of ${dataset.name} were never processed`, result)
  if (result.rows < dataset.rows) throw new AuditError(`${dataset.rows} rows were written to ${dataset.name}`, result)
  return result
}

async function untilNoTransaction(facts: ClusterFacts, { name }: FaultDataset): Promise<void> {
  for (const deadline = Date.now() + graceMs; ; await sleep(200)) {
    const left = await facts.unfinishedTransactions(`vgm.${name}.`)
    if (left.length === 0) return
    if (Date.now() > deadline)
      throw new AuditError(
        `Transactions are left unfinished: ${left.map(({ transactionalId, state }) => `${transactionalId} ${state}`)}`,
      )
  }
}
