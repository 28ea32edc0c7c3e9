import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** A certificate and its private key, PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

export interface Authority extends Identity {
  /** Signs a certificate for a common name, and for addresses if it is a server's. */
  issue(name: string, addresses?: readonly string[]): Identity
}

/**
 * A certificate authority for one test run. X.509 (RFC 5280) is written here byte by byte: Node can sign but has no
 * certificates, and a bare machine need not have openssl.
 */
export function createAuthority(name: string): Authority {
  const { cert, key } = certificate(name, undefined, [])
  return { cert, key, issue: (subject, addresses = []) => certificate(subject, { name, key }, addresses) }
}

interface Signer {
  readonly name: string
  readonly key: string
}

function certificate(name: string, signer: Signer | undefined, addresses: readonly string[]): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const issuer: KeyObject = signer === undefined ? privateKey : createPrivateKey(signer.key)
  const day = 86_400_000
  const algorithm = sequence(objectId('2a8648ce3d040302'))
  const extensions = [
    ...(signer === undefined ? [extension('551d13', true, sequence(der(0x01, Buffer.from([0xff]))))] : []),
    ...(addresses.length > 0 ? [extension('551d11', false, sequence(...addresses.map(generalName)))] : []),
  ]
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(signer?.name ?? name),
    sequence(time(Date.now() - day), time(Date.now() + 30 * day)),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  )
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', signed, issuer)]))
  const bytes = sequence(signed, algorithm, signature)
  const lines = bytes.toString('base64').replaceAll(/.{1,64}/g, '$&\n')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/** Tag, length, content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: readonly Buffer[]) => der(0x30, Buffer.concat(parts))
const objectId = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
const distinguishedName = (name: string) =>
  sequence(der(0x31, sequence(objectId('550403'), der(0x0c, Buffer.from(name)))))

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return der(0x17, Buffer.from(digits.slice(2)))
}

function extension(id: string, isCritical: boolean, content: Buffer): Buffer {
  const critical = isCritical ? [der(0x01, Buffer.from([0xff]))] : []
  return sequence(objectId(id), ...critical, der(0x04, content))
}

/** An IPv4 address or a DNS name. */
function generalName(address: string): Buffer {
  const isAddress = /^[\d.]+$/.test(address)
  return isAddress ? der(0x87, Buffer.from(address.split('.').map(Number))) : der(0x82, Buffer.from(address))
}
