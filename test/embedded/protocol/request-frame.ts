import { type ApiName, apis } from '../../../src/embedded/protocol/apis.ts'
import { FrameWriter } from '../../../src/embedded/protocol/frame-writer.ts'
import { type WrittenOf, writeTagged } from '../../../src/embedded/protocol/message.ts'
import type { Codec } from '../../../src/embedded/protocol/primitives.ts'

/** A request as a client sends it, without the size in front: correlation id 7, client id `c`. */
export function requestFrame<N extends ApiName>(
  name: N,
  version: number,
  body: WrittenOf<(typeof apis)[N]['request']>,
): Buffer {
  const api = apis[name]
  const to = new FrameWriter({ version, isFlexible: version >= api.flexibleFrom })
  to.int16(api.key)
  to.int16(version)
  to.int32(7)
  to.int16(1)
  to.text('c', 1)
  if (to.format.isFlexible) writeTagged(to, [])
  ;(api.request as Codec<unknown, typeof body>).write(to, body)
  return Buffer.concat(to.pieces())
}
