/** A node, and where clients reach it. */
export interface Node {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

/** What FindCoordinator calls the types of its keys. */
export const groupKey = 0
export const transactionKey = 1

/** The nodes that share a cluster's work. */
export interface Nodes {
  all(): readonly Node[]
  /** Id of the node that leads a partition. */
  leaderOf(topic: string, partition: number): number
  /** The node that coordinates a group or a transactional id. */
  coordinatorOf(keyType: number, key: string): Node
  /** Resolves when a coordinator's message has reached the leader of a partition. */
  transit(message: 'verification' | 'marker'): Promise<void>
}

/** Id of the one node, as `node.id` says. */
export const nodeId = 1

/** One node that does everything. */
export class SingleNode implements Nodes {
  /** where clients reach it, known once it listens */
  address = { host: '', port: 0 }

  all(): readonly Node[] {
    return [this.coordinatorOf()]
  }

  leaderOf(): number {
    return nodeId
  }

  coordinatorOf(): Node {
    const { host, port } = this.address
    return { nodeId, host, port }
  }

  async transit(): Promise<void> {}
}
