import { GenericContainer, type InspectResult, type StartedTestContainer, Wait } from 'testcontainers'
import { asEnvironment, brokerSettings } from '../broker-settings.ts'
import { kafkaImage } from './images.ts'

const startScript = '/tmp/vgm-start.sh'
const clientPort = 9092
const brokerPort = 9093

/**
 * One node of the `apache/kafka` image on a mapped port.
 *
 * Clients have to be told the mapped port, which exists only once the container runs. So a shell holds the container
 * until the port is known and a script with the advertised listener is copied in. (@testcontainers/kafka does the same,
 * but for the paths of another vendor's image.) Setting any KAFKA_ variable drops all of the image's defaults, hence
 * the full set.
 *
 * Even a single broker talks to itself, to verify the first batch of a transaction, and cannot reach the mapped port
 * from inside: without a listener of its own for that, every transactional produce fails with NOT_ENOUGH_REPLICAS.
 */
export class ApacheKafkaContainer extends GenericContainer {
  constructor(heap: string) {
    super(kafkaImage)
    this.withExposedPorts(clientPort)
      .withEnvironment({
        ...asEnvironment(brokerSettings),
        CLUSTER_ID: 'dmdtLXN0cmVhbS1sb2NhbA',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9094',
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_LISTENERS: `PLAINTEXT://0.0.0.0:${clientPort},BROKER://0.0.0.0:${brokerPort},CONTROLLER://0.0.0.0:9094`,
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
        KAFKA_INTER_BROKER_LISTENER_NAME: 'BROKER',
        KAFKA_HEAP_OPTS: `-Xmx${heap}`,
      })
      .withEntrypoint(['bash'])
      .withCommand(['-c', `echo waiting; until [ -f ${startScript} ]; do sleep 0.05; done; exec bash ${startScript}`])
      .withWaitStrategy(Wait.forLogMessage('waiting'))
  }

  protected override async containerStarted(
    container: StartedTestContainer,
    { hostname }: InspectResult,
  ): Promise<void> {
    const listeners = `PLAINTEXT://${brokerAddress(container)},BROKER://${hostname}:${brokerPort}`
    const content = `export KAFKA_ADVERTISED_LISTENERS=${listeners}\nexec /etc/kafka/docker/run\n`
    await container.copyContentToContainer([{ target: startScript, mode: 0o755, content }])
  }
}

/** Where clients of this machine reach the broker. */
export function brokerAddress(container: StartedTestContainer): string {
  return `${container.getHost()}:${container.getMappedPort(clientPort)}`
}
