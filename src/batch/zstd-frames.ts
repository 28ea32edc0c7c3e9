/** One of the frames that a zstd stream is made of. */
export interface ZstdFrame {
  readonly start: number
  readonly end: number
  /** what its content cannot exceed, by the blocks that it has: a declared size may be a lie */
  readonly mostBytes: number
  /** what it says that its content has, if it says so */
  readonly declaredBytes: number | undefined
}

/**
 * Each costs the set-up of a decoder: a message made of the smallest would hold a reader up for longer than its session
 * lasts.
 */
const mostFrames = 16_384

/** Frames of the user's own, which decoders pass over: their magic has any value in its last four bits. */
const skippableMagic = 0x184d2a50

const zstdMagic = 0xfd2fb528
const zstdBlockBytes = 128 * 1024
/**
 * shape (flag), bytes of the dictionary's number and of the content's size; the latter's first depends on another bit
 */
const dictionaryIdBytes = [0, 1, 2, 4]
const contentSizeBytes = [0, 2, 4, 8]
const rawBlock = 0
const repeatedBlock = 1
const reservedBlock = 3

/**
 * The frames of a zstd stream: libraries decode the first one only, and clients that append to a stream write several.
 * https://www.rfc-editor.org/rfc/rfc8878#name-zstandard-frames
 *
 * @throws RangeError if the bytes are no sequence of whole frames
 */
export function zstdFrames(bytes: Uint8Array): ZstdFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: ZstdFrame[] = []
  for (let at = 0; at < bytes.length; ) {
    const magic = view.getUint32(at, true)
    if ((magic & ~15) === skippableMagic) at += 8 + view.getUint32(at + 4, true)
    else if (magic === zstdMagic) {
      const frame = frameAt(view, at)
      // The decoder takes it for the end of the stream, and it has no content.
      if (frame.mostBytes > 0) frames.push(frame)
      if (frames.length > mostFrames) throw new RangeError(`A stream has more than ${mostFrames} frames`)
      at = frame.end
    } else throw new RangeError('Bytes between two frames belong to none')
    if (at > bytes.length) throw new RangeError('A frame ends after its stream')
  }
  return frames
}

/** Reading beyond the bytes throws a RangeError. */
function frameAt(view: DataView, start: number): ZstdFrame {
  const descriptor = view.getUint8(start + 4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  let at = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryIdBytes[descriptor & 3]
  const sizeBytes = descriptor >> 6 === 0 && isSingleSegment ? 1 : contentSizeBytes[descriptor >> 6]
  const declaredBytes = sizeBytes === 0 ? undefined : littleEndian(view, at, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
  at += sizeBytes
  let mostBytes = 0
  for (let isLast = false; !isLast; ) {
    const block = littleEndian(view, at, 3)
    isLast = (block & 1) === 1
    const [type, size] = [(block >> 1) & 3, block >> 3]
    if (type === reservedBlock) throw new RangeError('A zstd block has a type that does not exist')
    mostBytes += type === rawBlock ? size : type === repeatedBlock ? Math.min(size, zstdBlockBytes) : zstdBlockBytes
    at += 3 + (type === repeatedBlock ? 1 : size)
  }
  return { start, end: at + ((descriptor & 4) === 0 ? 0 : 4), mostBytes, declaredBytes }
}

function littleEndian(view: DataView, at: number, bytes: number): number {
  let value = 0
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + view.getUint8(at + i)
  return value
}
