import { type ApiName, apis, type RequestOf, type ResponseOf } from './apis.ts'
import { FrameReader, InvalidRequestError, type MessageFormat } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { type Api, readTagged, writeTagged } from './message.ts'
import { type Codec, nullable, string } from './primitives.ts'

/** A request of one API: what its header says, and its body. */
export interface RequestFrame<N extends ApiName> {
  readonly api: N
  /** that the answer is written in */
  readonly version: number
  /** ApiVersions in a version that we do not offer: the answer is UNSUPPORTED_VERSION, in version 0 */
  readonly isVersionUnknown: boolean
  readonly correlationId: number
  readonly clientId: string | null
  readonly body: RequestOf<N>
}

/** A request of any API; `api` tells which. */
export type Request = { [N in ApiName]: RequestFrame<N> }[ApiName]

const plain: MessageFormat = { version: 1, isFlexible: false }
const clientIdCodec = nullable(string)
const byKey = new Map<number, Api<ApiName, Codec<unknown>, Codec<unknown>>>(
  Object.values(apis).map((api) => [api.key, api as Api<ApiName, Codec<unknown>, Codec<unknown>>]),
)

function formatOf({ flexibleFrom }: { readonly flexibleFrom: number }, version: number): MessageFormat {
  return { version, isFlexible: version >= flexibleFrom }
}

/**
 * Reads a request, with request header v1, or v2 in flexible versions. Bytes after the request are passed over, as
 * Apache Kafka does.
 *
 * @param frame without its size; bytes and records of the request are views of it
 * @throws InvalidRequestError for what is no request, or is of an API or a version that we do not offer
 */
export function readRequest(frame: Buffer): Request {
  const head = new FrameReader(frame, plain)
  const key = head.int16()
  const version = head.int16()
  const correlationId = head.int32()
  const api = byKey.get(key)
  if (api === undefined) throw new InvalidRequestError(`no API with the key ${key} is offered`)
  const clientId = clientIdCodec.read(head)
  const [oldest, newest] = api.versions
  if (version < oldest || version > newest) {
    if (api.name !== 'ApiVersions')
      throw new InvalidRequestError(`${api.name} is offered in versions ${oldest} to ${newest}, not ${version}`)
    const body = { clientSoftwareName: '', clientSoftwareVersion: '' }
    return { api: api.name, version: 0, isVersionUnknown: true, correlationId, clientId, body }
  }
  const from = new FrameReader(frame, formatOf(api, version), head.at)
  if (from.format.isFlexible) readTagged(from, () => false)
  const body = api.request.read(from)
  return { api: api.name, version, isVersionUnknown: false, correlationId, clientId, body } as Request
}

/**
 * Writes an answer, with response header v0, or v1 in flexible versions.
 *
 * @returns the frame in pieces, its size in front; records are the buffers that were given
 */
export function writeResponse<N extends ApiName>(
  { api: name, version, correlationId }: Pick<RequestFrame<N>, 'api' | 'version' | 'correlationId'>,
  body: ResponseOf<N>,
): Buffer[] {
  const api = apis[name]
  const to = new FrameWriter(formatOf(api, version))
  to.int32(0) // the size, once it is known
  to.int32(correlationId)
  // A client that does not know our versions yet could not tell which header it gets: ApiVersions has always v0.
  if (to.format.isFlexible && name !== 'ApiVersions') writeTagged(to, [])
  ;(api.response as Codec<unknown, ResponseOf<N>>).write(to, body)
  const pieces = to.pieces()
  pieces[0].writeInt32BE(to.byteLength - 4)
  return pieces
}
