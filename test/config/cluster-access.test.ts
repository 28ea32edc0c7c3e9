import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { clusterAccess } from '../../src/config/cluster-access.ts'
import { clusterAddress } from '../../src/config/cluster-address.ts'
import { type SecurityFlags, secretVariables, securityOptions } from '../../src/config/security-options.ts'
import type { UsageError } from '../../src/errors.ts'
import { temporaryFolder } from '../files/temporary-folder.ts'
import { createAuthority } from '../security/certificates.ts'

const open = 'http://127.0.0.1:8081'
const secured = 'https://127.0.0.1:8081'
const secret = 'canary-9c1d'

function filesOf(t: TestContext) {
  const folder = temporaryFolder(t)
  const authority = createAuthority('authority')
  const [own, other] = [authority.issue('someone'), authority.issue('another')]
  const texts = {
    ca: authority.cert,
    cert: own.cert,
    key: own.key,
    otherKey: other.key,
    password: `${secret}\n`,
    empty: '\n',
  }
  const name = (file: keyof typeof texts) => join(folder, file)
  for (const [file, text] of Object.entries(texts)) writeFileSync(join(folder, file), text)
  return { name, texts }
}

/** The error that these flags are refused with, which never has the secret. */
function refused(flags: SecurityFlags, what: RegExp, environment = {}, registry = open): void {
  throws(
    () => clusterAccess(flags, registry, environment),
    (error: UsageError) => {
      equal(error.code, 'VGM_USAGE')
      match(`${error.message}. ${error.fix}`, what)
      ok(!`${error.stack}${error.fix}`.includes(secret))
      return true
    },
  )
}

const scram = { securityProtocol: 'SASL_SSL', saslMechanism: 'SCRAM-SHA-512', saslUsername: 'me' } as const

suite('TLS and logins of a cluster', () => {
  test('an open cluster needs neither TLS nor a login', () => {
    deepEqual(clusterAccess({}, open, {}), { kafka: {}, registry: {} })
    deepEqual(clusterAccess({ tlsCa: '' }, secured, { KAFKA_SASL_PASSWORD: secret }), { kafka: {}, registry: {} })
  })

  test('is read from files and variables, a file first, and frozen', (t) => {
    const { name, texts } = filesOf(t)
    const flags = { ...scram, tlsCa: name('ca'), tlsCert: name('cert'), tlsKey: name('key') }
    const { ca, cert, key } = texts
    const login = { mechanism: 'SCRAM-SHA-512', username: 'me' }
    const variable = clusterAccess(flags, open, { KAFKA_SASL_PASSWORD: 'from-variable' })
    deepEqual(variable.kafka, { tls: { ca, cert, key }, sasl: { ...login, password: 'from-variable' } })
    const file = { ...flags, saslPasswordFile: name('password') }
    const access = clusterAccess(file, open, { KAFKA_SASL_PASSWORD: 'from-variable' })
    deepEqual(access.kafka.sasl, { ...login, password: secret })
    ok(Object.isFrozen(access) && Object.isFrozen(access.kafka.tls) && Object.isFrozen(access.kafka.sasl))
    deepEqual(structuredClone(access), access, 'it can be sent to a thread')
  })

  test('the registry has its own TLS and login', (t) => {
    const { name, texts } = filesOf(t)
    const flags = { registryUsername: 'me', registryTlsCa: name('ca') }
    deepEqual(clusterAccess(flags, secured, { SCHEMA_REGISTRY_PASSWORD: secret }).registry, {
      tls: { ca: texts.ca },
      auth: { username: 'me', password: secret },
    })
    const token = { registryTokenFile: name('password') }
    deepEqual(clusterAccess(token, secured, {}).registry.auth, { token: { file: name('password') } })
    deepEqual(clusterAccess({}, secured, { SCHEMA_REGISTRY_TOKEN: secret }).registry.auth, { token: { value: secret } })
  })

  test('a token comes from a file, a variable or an endpoint', (t) => {
    const { name } = filesOf(t)
    const flags = { securityProtocol: 'SASL_SSL', saslMechanism: 'OAUTHBEARER' } as const
    const tokenOf = (more: SecurityFlags, environment = {}) =>
      clusterAccess({ ...flags, ...more }, open, environment).kafka.sasl
    const saslTokenFile = name('password')
    deepEqual(tokenOf({ saslTokenFile }), { mechanism: 'OAUTHBEARER', token: { file: saslTokenFile } })
    deepEqual(tokenOf({}, { KAFKA_SASL_TOKEN: secret }), { mechanism: 'OAUTHBEARER', token: { value: secret } })
    const endpoint = 'https://login.example/token'
    const client = { saslTokenEndpoint: endpoint, saslUsername: 'me', saslScope: 'kafka' }
    deepEqual(tokenOf(client, { KAFKA_SASL_PASSWORD: secret }), {
      mechanism: 'OAUTHBEARER',
      token: { endpoint, clientId: 'me', clientSecret: secret, scope: 'kafka' },
    })
    refused({ ...flags }, /needs a token.*--sasl-token-file/)
    refused({ ...flags, ...client }, /needs a password/)
    refused({ ...flags, ...client, saslTokenFile }, /--sasl-token-file.*means nothing with --sasl-token-endpoint/)
    refused({ ...flags, saslTokenFile, saslUsername: 'me' }, /--sasl-username.*means nothing without/)
    refused({ ...flags, saslTokenEndpoint: 'http://login.example/token' }, /not an https: address/)
    refused({ ...flags, saslTokenEndpoint: `https://me:${secret}@login.example/` }, /contains a login/)
  })

  test('a setting is refused where it has no effect or lacks its counterpart', (t) => {
    const { name } = filesOf(t)
    const ssl = { securityProtocol: 'SSL' } as const
    refused({ tlsCa: name('ca') }, /--tls-ca \(KAFKA_TLS_CA\) means nothing with --security-protocol PLAINTEXT/)
    refused({ ...ssl, saslUsername: 'me' }, /--sasl-username .*means nothing with --security-protocol SSL/)
    refused({ securityProtocol: 'SASL_SSL' }, /no mechanism is given.*--sasl-mechanism/)
    refused(
      { ...scram, saslTokenFile: name('password') },
      /--sasl-token-file .*means nothing with --sasl-mechanism SCRAM/,
    )
    refused({ ...scram }, /needs a password.*KAFKA_SASL_PASSWORD; no flag holds it/)
    refused({ securityProtocol: 'SASL_SSL', saslMechanism: 'PLAIN' }, /needs a user name/)
    refused({ ...scram, saslPasswordFile: name('empty') }, /is empty/)
    refused({ ...scram, saslPasswordFile: '/no/such/file' }, /--sasl-password-file .*cannot be read: ENOENT/)
    refused({ ...ssl, tlsCert: name('cert') }, /half of a client identity.*--tls-key/)
    refused({ ...ssl, tlsKey: name('key') }, /half of a client identity.*--tls-cert/)
    refused({ ...ssl, tlsPassphraseFile: name('password') }, /is given without a key/)
    refused({ ...ssl, tlsCert: name('cert'), tlsKey: name('otherKey') }, /do not match: .*mismatch/i)
    refused({ ...ssl, tlsCa: name('password') }, /--tls-ca .*contains no certificate/)
    refused({ registryTlsCa: name('ca') }, /--registry-tls-ca .*means nothing for http:/)
    refused({ registryUsername: 'me' }, /The registry needs a password/)
    refused({ registryPasswordFile: name('password') }, /without a user/)
    refused(
      { registryUsername: 'me', registryTokenFile: name('password') },
      /--registry-token-file .*means nothing with --registry-username/,
    )
  })

  test('a login is refused inside an address, and without an address', async () => {
    const named = { brokers: 'localhost:9092' }
    for (const registry of [`https://me:${secret}@localhost`, `me:${secret}@localhost`])
      await clusterAddress({ ...named, registry }).then(
        () => ok(false),
        (error: UsageError) => ok(error.code === 'VGM_USAGE' && !`${error.stack}${error.fix}`.includes(secret)),
      )
    await clusterAddress({ saslUsername: 'me' }).then(
      () => ok(false),
      ({ message }: UsageError) => match(message, /--sasl-username \(KAFKA_SASL_USERNAME\) needs a named cluster/),
    )
  })

  test('is in docs/security.md, each flag with its variable, and each variable that holds a secret', () => {
    const markdown = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')
    const flags = [...markdown.matchAll(/^\| `(--[a-z-]+)` \| `([A-Z_]+)` \|/gm)].map(([, flag, variable]) => [
      flag,
      variable,
    ])
    deepEqual(
      flags,
      securityOptions.map((option) => [option.flags.split(' ')[0], option.variable]),
    )
    const secrets = [...markdown.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, variable]) => variable)
    deepEqual(secrets, [...secretVariables])
  })
})
