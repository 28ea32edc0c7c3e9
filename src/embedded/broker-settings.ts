import { UsageError } from '../errors.ts'
import { fixed, flag, int, long, oneOf, ratio, type Setting, someOf, text, unlimited } from './setting.ts'

const dayMs = 24 * 3_600_000
const mebibyte = 1024 * 1024

/**
 * Settings of the broker by the names of Apache Kafka, given at the start. Defaults are Kafka's, but for those in the
 * table of docs/embedded.md: rows stay, and the first member of a group does not wait for others.
 */
const settings: readonly Setting[] = [
  flag('auto.create.topics.enable', false),
  fixed(int('default.replication.factor', 1, 1)),
  fixed(flag('delete.topic.enable', true)),
  int('fetch.max.bytes', 55 * mebibyte, 1024),
  int('group.initial.rebalance.delay.ms', 0, 0),
  int('group.max.session.timeout.ms', 1_800_000, 0),
  int('group.min.session.timeout.ms', 6_000, 0),
  long('log.cleaner.delete.retention.ms', dayMs, 0),
  ratio('log.cleaner.min.cleanable.ratio', 0.5),
  long('log.cleaner.min.compaction.lag.ms', 0, 0),
  someOf('log.cleanup.policy', 'delete', ['compact', 'delete'], 1),
  long('log.message.timestamp.after.max.ms', 3_600_000, 0),
  long('log.message.timestamp.before.max.ms', unlimited, 0),
  oneOf('log.message.timestamp.type', ['CreateTime', 'LogAppendTime']),
  long('log.retention.bytes', -1, -1),
  long('log.retention.check.interval.ms', 5_000, 1),
  long('log.retention.ms', -1, -1),
  int('message.max.bytes', 1_048_588, 0),
  int('min.insync.replicas', 1, 1),
  fixed(int('node.id', 1, 0)),
  int('num.partitions', 1, 1),
  int('offset.metadata.max.bytes', 4096, 0),
  int('offsets.retention.minutes', 10_080, 1),
  int('producer.id.expiration.ms', dayMs, 1),
  int('socket.request.max.bytes', 100 * mebibyte, 1),
  int('transaction.max.timeout.ms', 900_000, 1),
  int('transactional.id.expiration.ms', 7 * dayMs, 1),
  text('advertised.listeners', ''),
  text('log.dirs', ''),
]

const known: ReadonlyMap<string, Setting> = new Map(settings.map((setting) => [setting.name, setting]))

/** Values by the names of Apache Kafka. */
export type GivenSettings = Readonly<Record<string, string | number | boolean>>

export interface SettingInForce {
  readonly setting: Setting
  readonly value: string
  /** it was given at the start */
  readonly isGiven: boolean
}

/** What the broker was told at its start. */
export class BrokerSettings {
  readonly #given: ReadonlyMap<string, string>

  /** @throws UsageError for an unknown name or a value that it cannot have */
  constructor(given: GivenSettings = {}) {
    this.#given = new Map(Object.entries(given).map(([name, value]) => [name, String(value)]))
    for (const [name, value] of this.#given) {
      const setting = known.get(name)
      const problem = setting === undefined ? 'there is no such setting' : setting.problem(value)
      if (problem !== undefined)
        throw new UsageError(
          `The embedded broker cannot take ${name}=${value}: ${problem}`,
          `Leave it out, or give a value within its limits; known are ${[...known.keys()].join(', ')}`,
        )
    }
  }

  has(name: string): boolean {
    return known.has(name)
  }

  isGiven(name: string): boolean {
    return this.#given.has(name)
  }

  /** @param name of a setting that is there */
  text(name: string): string {
    return this.#given.get(name) ?? known.get(name)!.fallback
  }

  number(name: string): number {
    return Number(this.text(name))
  }

  flag(name: string): boolean {
    return this.text(name).toLowerCase() === 'true'
  }

  all(): readonly SettingInForce[] {
    return settings.map((setting) => ({
      setting,
      value: this.text(setting.name),
      isGiven: this.isGiven(setting.name),
    }))
  }
}
