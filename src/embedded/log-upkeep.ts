import type { PartitionLog } from './core/partition-log.ts'

/** Does what brokers do with their logs from time to time. What takes long is done to one log after the other. */
export class LogUpkeep {
  readonly #logs: () => Iterable<PartitionLog>
  #round: Promise<void> | undefined
  #isStopped = false

  /** @param logs all that there are now */
  constructor(logs: () => Iterable<PartitionLog>) {
    this.#logs = logs
  }

  /** Resolves once all has been done; a round that is under way goes on. */
  run(): Promise<void> {
    for (const log of this.#logs()) log.maintain()
    this.#round ??= this.#all().finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  /** Resolves once all has been done that there was to do when it was called. */
  async runAnew(): Promise<void> {
    await this.#round
    await this.run()
  }

  stop(): void {
    this.#isStopped = true
    for (const log of this.#logs()) log.abandonCompaction()
  }

  async #all(): Promise<void> {
    for (const log of [...this.#logs()]) {
      if (!this.#isStopped && log.needsCompaction) await log.compactInSlices()
      if (!this.#isStopped && log.needsCheckpoint) await log.checkpoint()
    }
  }
}
