import { createClusterFolder, recordOccupants, removeClusterFolder } from '../../src/cluster/cluster-folder.ts'
import { classArchive } from '../../src/cluster/jvm/class-archive.ts'
import type { Installation } from '../../src/cluster/jvm/installation.ts'
import type { Java } from '../../src/cluster/jvm/java.ts'
import type { JavaProcess } from '../../src/cluster/jvm/java-process.ts'
import { registryUrl, startRegistry } from '../../src/cluster/jvm/registry-process.ts'
import { untilAnswers } from '../../src/cluster/jvm/until-answers.ts'
import { registryAnswers } from '../../src/cluster/readiness.ts'
import { lastingPorts } from './lasting-ports.ts'

const heap = '256m'

interface Parts {
  readonly java: Java
  readonly installation: Installation
}

let shared: Promise<FaultRegistry> | undefined
let users = 0

/**
 * A registry of this process: all its clusters share one, for no case touches it. (What a case takes away is the way to
 * it.) What is left of it if this process is killed goes with the next cluster that starts.
 */
export class FaultRegistry {
  readonly url: string
  readonly #process: JavaProcess
  readonly #folder: string

  /** The registry that runs, or else one that is started; it ends when all who took it have released it. */
  static async take(parts: Parts): Promise<FaultRegistry> {
    users++
    shared ??= FaultRegistry.#start(parts)
    try {
      return await shared
    } catch (error) {
      users--
      shared = undefined
      throw error
    }
  }

  static async #start({ java, installation }: Parts): Promise<FaultRegistry> {
    const folder = createClusterFolder()
    const [port, managementPort] = await lastingPorts(2)
    const { exists, read } = classArchive('apicurio', java, installation)
    const jvm = exists ? read : []
    const started = startRegistry({ java, installation, folder, heap, jvm, port, managementPort })
    recordOccupants(folder, [started.pid])
    const registry = new FaultRegistry(registryUrl(port), started, folder)
    process.once('exit', registry.#kill)
    try {
      await untilAnswers(started, () => registryAnswers(registry.url))
    } catch (error) {
      await registry.#stop()
      throw error
    }
    return registry
  }

  private constructor(url: string, process: JavaProcess, folder: string) {
    this.url = url
    this.#process = process
    this.#folder = folder
  }

  async release(): Promise<void> {
    if (--users > 0) return
    shared = undefined
    await this.#stop()
  }

  async #stop(): Promise<void> {
    process.off('exit', this.#kill)
    await this.#process.end(0)
    removeClusterFolder(this.#folder)
  }

  readonly #kill = () => {
    try {
      process.kill(this.#process.pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
    removeClusterFolder(this.#folder)
  }
}
