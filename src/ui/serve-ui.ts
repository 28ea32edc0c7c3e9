import type { EndpointAddress } from '../observe/endpoint-address.ts'
import { openEndpoint } from '../observe/http-endpoint.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { createUi, type UiOptions } from './ui-handler.ts'

/** A dashboard that is served. */
export interface ServedUi {
  /** to open, with the token where one is needed */
  readonly url: string
  readonly close: () => Promise<void>
}

/** Serves the dashboard of a cluster. @throws UsageError if the address cannot be had */
export async function serveUi(
  cluster: ClusterSession,
  address: EndpointAddress,
  options: Omit<UiOptions, 'host'>,
): Promise<ServedUi> {
  const ui = createUi(cluster, { ...options, host: address.host })
  try {
    const endpoint = await openEndpoint(address, new Map(), ui.handle)
    return {
      url: `${endpoint.url}${ui.path}`,
      close: async () => {
        await endpoint.close()
        await ui.close()
      },
    }
  } catch (error) {
    await ui.close()
    throw error
  }
}
