import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { alterUserScramCredentialsV0, Connection } from '@platformatic/kafka'
import kafkajs, { type AclEntry, type Admin } from 'kafkajs'
import {
  createClusterFolder,
  recordOccupants,
  removeClusterFolder,
  sweepClusterFolders,
} from '../../src/cluster/cluster-folder.ts'
import { classArchive } from '../../src/cluster/jvm/class-archive.ts'
import type { JavaProcess } from '../../src/cluster/jvm/java-process.ts'
import { startKafkaNode } from '../../src/cluster/jvm/kafka-node.ts'
import { untilAnswers } from '../../src/cluster/jvm/until-answers.ts'
import { brokerAnswers } from '../../src/cluster/readiness.ts'
import { jvmParts } from '../../src/cluster/start-cluster.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { testRegistry } from '../cluster/shared-cluster.ts'
import { lastingPorts } from '../faults/lasting-ports.ts'
import { createAuthority, type Identity } from './certificates.ts'

/** What an access control list allows one user. */
export interface Grant {
  readonly user: string
  readonly operation: string
  readonly resource: string
  /** with a star at its end for all names that begin so */
  readonly name: string
}

/** One user of SASL PLAIN, who stands in the broker's settings. */
export const plainUser = { username: 'plain-user', password: 'plain-password' }
/** Of the listener whose logins end. */
export const shortSessionMs = 4_000

/**
 * A broker that lets in who logs in, to what its access control lists allow, and the registry of the test run. The
 * plain listener is the test's own: who comes that way may do everything.
 *
 * Certificates are of the run's own authority; nothing is needed that the JVM cluster does not need as well.
 */
export class SecuredCluster {
  /** `host:port` of each listener */
  readonly plain: string
  /** SASL_SSL: all four mechanisms */
  readonly sasl: string
  /** SASL_SSL: logins end after `shortSessionMs` */
  readonly shortSessions: string
  /** SSL: wants a client certificate, whose common name is the user */
  readonly mutual: string
  /** without TLS and logins; a proxy stands before it where it is to be secured */
  readonly registry: string
  /** PEM file of the authority that has signed the broker's certificate */
  readonly caFile: string
  readonly ca: string
  readonly admin: Admin
  readonly issue: (name: string, addresses?: readonly string[]) => Identity
  readonly #folder: string
  readonly #kafka: JavaProcess

  static async start(): Promise<SecuredCluster> {
    const { java, installation } = await jvmParts((line) => process.stderr.write(`${line}\n`))
    sweepClusterFolders()
    const folder = createClusterFolder()
    const [broker, controller, sasl, shortSessions, mutual] = await lastingPorts(5)
    const authority = createAuthority('vgm test authority')
    const caFile = join(folder, 'ca.pem')
    writeFileSync(caFile, authority.cert)
    const server = authority.issue('broker', ['127.0.0.1', 'localhost'])
    const keyStore = join(folder, 'broker.pem')
    writeFileSync(keyStore, server.key + server.cert, { mode: 0o600 })
    const kafka = startKafkaNode({
      java,
      installation,
      folder,
      dataFolder: join(folder, 'kafka'),
      heap: '512m',
      jvm: classArchive('kafka', java, installation).read,
      id: 1,
      nodes: new Map([[1, { broker, controller }]]),
      settings: brokerSettings({ broker, controller, sasl, shortSessions, mutual }, keyStore, caFile),
    })
    recordOccupants(folder, [kafka.pid])
    const at = (port: number) => `127.0.0.1:${port}`
    await untilAnswers(kafka, () => brokerAnswers(at(broker)))
    const cluster = new SecuredCluster(
      { plain: at(broker), sasl: at(sasl), shortSessions: at(shortSessions), mutual: at(mutual) },
      await testRegistry(),
      caFile,
      authority,
      folder,
      kafka,
    )
    await cluster.admin.connect()
    return cluster
  }

  private constructor(
    listeners: Pick<SecuredCluster, 'plain' | 'sasl' | 'shortSessions' | 'mutual'>,
    registry: string,
    caFile: string,
    authority: ReturnType<typeof createAuthority>,
    folder: string,
    kafka: JavaProcess,
  ) {
    this.plain = listeners.plain
    this.sasl = listeners.sasl
    this.shortSessions = listeners.shortSessions
    this.mutual = listeners.mutual
    this.registry = registry
    this.caFile = caFile
    this.ca = authority.cert
    this.issue = authority.issue
    this.#folder = folder
    this.#kafka = kafka
    this.admin = createControlClient(this.#settings, () => undefined).admin()
  }

  get #settings() {
    return { brokers: [this.plain], clientId: 'security-test' }
  }

  /** Makes a user, or gives one another password, for both SCRAM mechanisms. */
  async setPassword(name: string, password: string): Promise<void> {
    const [host, port] = this.plain.split(':')
    const connection = new Connection('security-test')
    const iterations = 4096
    await connection.connect(host, Number(port))
    try {
      const salted = [
        [1, 32, 'sha256'],
        [2, 64, 'sha512'],
      ] as const
      // A request takes a user once.
      for (const [mechanism, bytes, hash] of salted) {
        const salt = randomBytes(16)
        const saltedPassword = pbkdf2Sync(password, salt, iterations, bytes, hash)
        await alterUserScramCredentialsV0.api.async(
          connection,
          [],
          [{ name, mechanism, iterations, salt, saltedPassword }],
        )
      }
    } finally {
      await connection.close()
    }
  }

  async grant(grants: readonly Grant[]): Promise<void> {
    if (grants.length === 0) return
    await this.admin.createAcls({ acl: grants.map(aclOf) })
    for (const grant of grants) await this.#until(grant, true)
  }

  async revoke(grant: Grant): Promise<void> {
    const { host: _, ...filter } = aclOf(grant)
    await this.admin.deleteAcls({ filters: [{ ...filter, host: '*' }] })
    await this.#until(grant, false)
  }

  async stop(): Promise<void> {
    await this.admin.disconnect()
    await this.#kafka.end(0)
    removeClusterFolder(this.#folder)
  }

  /** The broker learns of a change after the controller has made it. */
  async #until(grant: Grant, isThere: boolean): Promise<void> {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(10)) {
      const { resources } = await this.admin.describeAcls({ ...aclOf(grant), host: '*' })
      if (resources.some(({ acls }) => acls.length > 0) === isThere) return
    }
    throw new Error(`An access control list did not change: ${JSON.stringify(grant)}`)
  }
}

function aclOf({ user, operation, resource, name }: Grant): AclEntry {
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs
  const upper = (text: string) =>
    text
      .replaceAll(/(?<=[a-z])[A-Z]/g, '_$&')
      .replaceAll(' ', '_')
      .toUpperCase()
  return {
    principal: `User:${user}`,
    host: '*',
    operation: AclOperationTypes[upper(operation) as keyof typeof AclOperationTypes],
    permissionType: AclPermissionTypes.ALLOW,
    resourceType: AclResourceTypes[upper(resource) as keyof typeof AclResourceTypes],
    resourceName: name.replace(/\*$/, ''),
    resourcePatternType: name.endsWith('*') ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
  }
}

interface Ports {
  readonly broker: number
  readonly controller: number
  readonly sasl: number
  readonly shortSessions: number
  readonly mutual: number
}

function brokerSettings(ports: Ports, keyStore: string, trustStore: string): Record<string, string | number> {
  const at = (listener: string, port: number) => `${listener}://127.0.0.1:${port}`
  const clients = [
    at('PLAINTEXT', ports.broker),
    at('LOGIN', ports.sasl),
    at('SHORT', ports.shortSessions),
    at('MUTUAL', ports.mutual),
  ]
  const security = 'org.apache.kafka.common.security'
  const plain = `${security}.plain.PlainLoginModule required user_${plainUser.username}="${plainUser.password}";`
  // Kafka's own validator of tokens that nobody has signed.
  const bearer = `${security}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`
  const logins = (listener: string) => ({
    [`listener.name.${listener}.sasl.enabled.mechanisms`]: 'SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER',
    [`listener.name.${listener}.plain.sasl.jaas.config`]: plain,
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`]: `${security}.scram.ScramLoginModule required;`,
    [`listener.name.${listener}.oauthbearer.sasl.jaas.config`]: bearer,
  })
  return {
    listeners: [...clients, at('CONTROLLER', ports.controller)].join(','),
    'advertised.listeners': clients.join(','),
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,SHORT:SASL_SSL,MUTUAL:SSL',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyStore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': trustStore,
    'listener.name.mutual.ssl.client.auth': 'required',
    'ssl.principal.mapping.rules': 'RULE:^CN=(.*?)$/$1/',
    ...logins('login'),
    ...logins('short'),
    'listener.name.short.connections.max.reauth.ms': shortSessionMs,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
  }
}
