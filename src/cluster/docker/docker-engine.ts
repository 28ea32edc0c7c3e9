import { getContainerRuntimeClient } from 'testcontainers'

export type DockerEngine = { readonly answers: true } | { readonly answers: false; readonly reason: string }

/** Asks for an engine wherever testcontainers looks: DOCKER_HOST, the contexts, the usual sockets. */
export async function dockerEngine(): Promise<DockerEngine> {
  try {
    await getContainerRuntimeClient()
    return { answers: true }
  } catch {
    return { answers: false, reason: 'no Docker engine answers' }
  }
}
