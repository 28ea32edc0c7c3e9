import { type ClusterAccess, tlsProblem } from '../config/cluster-access.ts'
import { naturalNumber, oneOf, secretText, text, tokenEndpoint } from '../config/value-rules.ts'
import type { RegistrySettings, SaslSettings, TlsSettings, TokenSource } from '../ports/connection-settings.ts'
import { fields, judged, kinds } from './check-options.ts'

// A login that is misspelt would be none, and a connection without one looks like one that works. No value that may be
// a secret is shown.

const tls = judged(
  fields<TlsSettings>({}, { ca: secretText, cert: secretText, key: secretText, passphrase: secretText }),
  (settings) => {
    if ((settings.cert === undefined) !== (settings.key === undefined))
      return { what: "is half of a client's identity", fix: 'Give both cert and key' }
    const problem = tlsProblem(settings)
    return problem === undefined
      ? undefined
      : { what: `cannot be used: ${problem}`, fix: 'Give PEM texts, and the key that belongs to the certificate' }
  },
)

const token = kinds<TokenSource>((source) => {
  if ('value' in source) return fields<{ readonly value: string }>({ value: secretText }, {})
  if ('endpoint' in source)
    return fields<Extract<TokenSource, { readonly endpoint: string }>>(
      { endpoint: tokenEndpoint, clientId: text, clientSecret: secretText },
      { scope: text },
    )
  return fields<{ readonly file: string }>({ file: text }, {})
})

const passwordMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const passwordMechanism = {
  ...oneOf(passwordMechanisms),
  may: `one of ${[...passwordMechanisms, 'OAUTHBEARER'].join(', ')}`,
}

const sasl = kinds<SaslSettings>(({ mechanism }) =>
  mechanism === 'OAUTHBEARER'
    ? fields<Extract<SaslSettings, { readonly mechanism: 'OAUTHBEARER' }>>(
        { mechanism: oneOf(['OAUTHBEARER']), token },
        {},
      )
    : fields<Exclude<SaslSettings, { readonly mechanism: 'OAUTHBEARER' }>>(
        { mechanism: passwordMechanism, username: text, password: secretText },
        {},
      ),
)

type RegistryLogin = NonNullable<RegistrySettings['auth']>

const registryLogin = kinds<RegistryLogin>((login) =>
  'token' in login
    ? fields<Extract<RegistryLogin, { readonly token: TokenSource }>>({ token }, {})
    : fields<Exclude<RegistryLogin, { readonly token: TokenSource }>>({ username: text, password: secretText }, {}),
)

/** How to get into a cluster, as a program says it. */
export const accessCheck = fields<ClusterAccess>(
  {
    kafka: fields<ClusterAccess['kafka']>({}, { tls, sasl }),
    registry: fields<ClusterAccess['registry']>(
      {},
      { tls, auth: registryLogin, apicurioIds: oneOf(['content', 'global']), guidSchema: naturalNumber },
    ),
  },
  {},
)
