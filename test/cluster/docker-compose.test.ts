import { deepEqual, equal, match } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { parse } from 'yaml'
import { asEnvironment, brokerSettings } from '../../src/cluster/broker-settings.ts'
import { composeFile } from '../../src/cluster/docker/compose-file.ts'
import { kafkaImage, registryImage } from '../../src/cluster/docker/images.ts'
import { installationName } from '../../src/cluster/jvm/installation.ts'

interface Service {
  readonly profiles?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
}

const text = readFileSync(composeFile, 'utf8')
const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> }

/** A service's environment, with the variables that stand in it as docker compose would replace them. */
function environmentOf(service: string, variables: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const replaced = (value: string) =>
    value.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name, otherwise) => variables.get(name) ?? otherwise)
  const entries = Object.entries(services[service].environment ?? {})
  return new Map(entries.map(([name, value]) => [name, replaced(String(value))]))
}

suite('docker-compose.yml', () => {
  for (const [name, value] of Object.entries(asEnvironment(brokerSettings))) {
    test(`gives the broker ${name} as the other kinds of cluster do`, () =>
      equal(environmentOf('kafka').get(name), value))
  }

  test('starts Kafka and the registry when no profile is named, as vgm up wants it', () => {
    const plain = Object.keys(services).filter((name) => services[name].profiles === undefined)
    deepEqual(plain, ['kafka', 'registry'])
  })

  test('sets no variable that has no default: no file beside it is needed', () => {
    deepEqual(text.match(/\$\{\w+(?!\w|:-)[^}]*\}/g), null)
  })

  test('with examples/three-brokers.env brokers differ in number and address only, and keep rows three times', () => {
    const lines = readFileSync(new URL('../../examples/three-brokers.env', import.meta.url), 'utf8').matchAll(
      /^(\w+)=(.*)$/gm,
    )
    const variables = new Map([...lines].map(([, name, value]) => [name, value]))
    const brokers = ['kafka', 'kafka-2', 'kafka-3']
    const shared = brokers.map((broker, i) => {
      const environment = environmentOf(broker, variables)
      equal(environment.get('KAFKA_NODE_ID'), String(i + 1))
      match(environment.get('KAFKA_ADVERTISED_LISTENERS') ?? '', new RegExp(`^INTERNAL://${broker}:9092,`))
      environment.delete('KAFKA_NODE_ID')
      environment.delete('KAFKA_ADVERTISED_LISTENERS')
      return environment
    })
    deepEqual(shared[1], shared[0])
    deepEqual(shared[2], shared[0])
    equal(shared[0].get('KAFKA_CONTROLLER_QUORUM_VOTERS'), brokers.map((name, i) => `${i + 1}@${name}:9093`).join())
    equal(shared[0].get('KAFKA_DEFAULT_REPLICATION_FACTOR'), '3')
    equal(environmentOf('normalize', variables).get('KAFKA_BROKERS'), brokers.map((name) => `${name}:9092`).join())
  })
})

test('Docker and the JVM run the same versions of Kafka and the registry', () => {
  const version = (image: string): string => image.split(':')[1]
  match(installationName, new RegExp(`^kafka-${version(kafkaImage)}-apicurio-${version(registryImage)}-`))
})
