import { getContainerRuntimeClient, ImageName } from 'testcontainers'
import { ImagesMissingError } from '../errors.ts'

// The versions of jvm/pom.xml and of docker-compose.yml; a test compares the three.
export const kafkaImage = 'apache/kafka:4.1.1'
export const registryImage = 'apicurio/apicurio-registry:3.3.3'

/**
 * Pulls what the engine does not have yet.
 *
 * @throws ImagesMissingError naming the image that cannot be had
 */
export async function ensureImages(): Promise<void> {
  const { image } = await getContainerRuntimeClient()
  for (const name of [kafkaImage, registryImage]) {
    const imageName = ImageName.fromString(name)
    try {
      if (!(await image.exists(imageName))) await image.pull(imageName)
    } catch (error) {
      throw new ImagesMissingError(name, error instanceof Error ? error.message : String(error))
    }
  }
}
