import { getContainerRuntimeClient, ImageName } from 'testcontainers'
import { ImagesMissingError } from '../errors.ts'
import { serviceImage } from './compose-file.ts'

// A test compares their versions with those of jvm/pom.xml.
export const kafkaImage = serviceImage('kafka')
export const registryImage = serviceImage('registry')

/** Whether nothing has to be pulled. */
export async function hasImages(): Promise<boolean> {
  const { image } = await getContainerRuntimeClient()
  const here = await Promise.all([kafkaImage, registryImage].map((name) => image.exists(ImageName.fromString(name))))
  return here.every(Boolean)
}

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
