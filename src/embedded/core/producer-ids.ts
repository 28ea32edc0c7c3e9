import type { StateEntry, StateLog } from './state-log.ts'

export const producerIdsKind = 'producer-ids'
const blockSize = 1_000

/** Gives each producer id once, over restarts too, by reserving blocks of them: `ProducerIdManager` of Apache Kafka. */
export class ProducerIds {
  readonly #log: StateLog
  #next = 0
  #reserved = 0

  constructor(log: StateLog) {
    this.#log = log
  }

  /** Takes what is in the log. */
  replay([, value]: StateEntry): void {
    this.#reserved = (value as { reserved: number }).reserved
    this.#next = this.#reserved
  }

  /** The next one. It is good once the log has been synced. */
  next(): bigint {
    if (this.#next === this.#reserved) {
      this.#reserved += blockSize
      this.#log.put([[[producerIdsKind], { reserved: this.#reserved }]])
    }
    return BigInt(this.#next++)
  }
}
