import type { ConnectionSettings } from '../ports/connection-settings.ts'
import { AdminRequests } from './admin-requests.ts'
import { addressText } from './broker-address.ts'
import { GroupAdmin } from './group-admin.ts'
import { OffsetAdmin } from './offset-admin.ts'
import { TopicAdmin } from './topic-admin.ts'

/** Topics, offsets and groups. Connects at the first request. */
export class ClusterAdmin {
  readonly topics: TopicAdmin
  readonly offsets: OffsetAdmin
  readonly groups: GroupAdmin
  readonly #requests: AdminRequests

  constructor(settings: ConnectionSettings) {
    this.#requests = new AdminRequests(settings)
    this.topics = new TopicAdmin(this.#requests)
    this.offsets = new OffsetAdmin(this.#requests, this.topics)
    this.groups = new GroupAdmin(this.#requests, this.topics)
  }

  /**
   * @throws BrokerUnreachableError after about 3 s, or 10 s for each broker that accepts the connection and does not
   *   answer
   */
  async connect(): Promise<void> {
    await this.#requests.ask('Connecting', () => this.#requests.connections.answeringBroker())
  }

  close(): Promise<void> {
    return this.#requests.connections.close()
  }

  /** Brokers that the cluster names, and its id. */
  async describeCluster(): Promise<{ readonly clusterId: string; readonly brokers: readonly string[] }> {
    const { clusterId, brokers } = await this.#requests.ask('Describing the cluster', (what) =>
      this.#requests.connections.metadata(what, []),
    )
    return { clusterId: clusterId ?? '', brokers: brokers.map(addressText) }
  }
}
