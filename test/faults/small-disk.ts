import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, statfsSync } from 'node:fs'
import type { FaultNode } from './fault-cluster.ts'

const roomyBytes = 2 ** 30

/**
 * Data of a node on a file system of its own, which can be made full. It takes the right to mount: root on Linux.
 *
 *     node.dataFolder  ->  tmpfs, while it is there; the disk's own files wait beside it
 */
export class SmallDisk {
  readonly #node: FaultNode
  readonly #unmount = () => this.#run('umount', '--lazy', this.#node.dataFolder)

  /** Puts the data of a dead node there; undefined if this machine does not let us. */
  static under(node: FaultNode): SmallDisk | undefined {
    const disk = new SmallDisk(node)
    const { dataFolder } = node
    const kept = disk.#kept
    renameSync(dataFolder, kept)
    mkdirSync(dataFolder)
    try {
      disk.#run('mount', '-t', 'tmpfs', '-o', `size=${roomyBytes}`, 'vgm-faults', dataFolder)
    } catch {
      rmSync(dataFolder, { recursive: true })
      renameSync(kept, dataFolder)
      return undefined
    }
    process.once('exit', disk.#unmount)
    disk.#run('cp', '--archive', '--sparse=always', `${kept}/.`, dataFolder)
    return disk
  }

  private constructor(node: FaultNode) {
    this.#node = node
  }

  /** Leaves room for so many bytes more. */
  fill(leftBytes: number): void {
    const { blocks, bfree, bsize } = statfsSync(this.#node.dataFolder)
    this.#resize((blocks - bfree) * bsize + leftBytes)
  }

  /** Makes room again. */
  clear(): void {
    this.#resize(roomyBytes)
  }

  /** Takes the data of the node, which is dead, back to where they were. */
  remove(): void {
    const { dataFolder } = this.#node
    rmSync(this.#kept, { recursive: true })
    this.#run('cp', '--archive', '--sparse=always', dataFolder, this.#kept)
    this.#unmount()
    process.off('exit', this.#unmount)
    rmSync(dataFolder, { recursive: true })
    renameSync(this.#kept, dataFolder)
  }

  get #kept(): string {
    return `${this.#node.dataFolder}.kept`
  }

  #resize(bytes: number): void {
    this.#run('mount', '-o', `remount,size=${bytes}`, this.#node.dataFolder)
  }

  #run(command: string, ...args: string[]): void {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
