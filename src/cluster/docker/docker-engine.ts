export type DockerEngine = { readonly answers: true } | { readonly answers: false; readonly reason: string }

/** Asks for an engine wherever testcontainers looks: DOCKER_HOST, the contexts, the usual sockets. */
export async function dockerEngine(): Promise<DockerEngine> {
  // The image of the Dockerfile leaves the package out: there is no engine in a container.
  const testcontainers = await import('testcontainers').catch(() => undefined)
  if (testcontainers === undefined) return { answers: false, reason: 'the package testcontainers is not installed' }
  try {
    await testcontainers.getContainerRuntimeClient()
    return { answers: true }
  } catch {
    return { answers: false, reason: 'no Docker engine answers' }
  }
}
