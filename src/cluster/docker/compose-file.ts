import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

/** The project's docker-compose.yml, which stands above src/ in a checkout and above dist/src/ in the package. */
export const composeFile = fileURLToPath(new URL('../../../docker-compose.yml', import.meta.url))

/** Services that `vgm up` wants of it. */
export const clusterServices = ['kafka', 'registry'] as const

/** The image of a service there: the versions stand in that file and nowhere else. */
export function serviceImage(service: (typeof clusterServices)[number]): string {
  const { services } = parse(readFileSync(composeFile, 'utf8'), { merge: true }) as {
    services: Readonly<Record<string, { readonly image: string }>>
  }
  return services[service].image
}
