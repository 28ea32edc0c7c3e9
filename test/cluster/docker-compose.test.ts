import { equal, match } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { asEnvironment, brokerSettings } from '../../src/cluster/broker-settings.ts'
import { kafkaImage, registryImage } from '../../src/cluster/docker/images.ts'
import { installationName } from '../../src/cluster/jvm/installation.ts'

const compose = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8')
const environment = new Map(
  [...compose.matchAll(/^ {6}(KAFKA_\w+): (.*)$/gm)].map(([, name, value]) => [name, value.replaceAll('"', '')]),
)

suite('docker-compose.yml', () => {
  for (const [name, value] of Object.entries(asEnvironment(brokerSettings))) {
    test(`gives the broker ${name} as the other kinds of cluster do`, () => equal(environment.get(name), value))
  }

  test('has the images that testcontainers starts', () => {
    match(compose, new RegExp(`image: ${kafkaImage}\n`))
    match(compose, new RegExp(`image: ${registryImage}\n`))
  })
})

test('Docker and the JVM run the same versions of Kafka and the registry', () => {
  const version = (image: string): string => image.split(':')[1]
  match(installationName, new RegExp(`^kafka-${version(kafkaImage)}-apicurio-${version(registryImage)}-`))
})
