/** One of the frames that a compressed stream is made of. */
export interface CompressedFrame {
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

/** Frames of the user's own, which zstd and lz4 decoders pass over: their magic has any value in its last four bits. */
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
export function zstdFrames(bytes: Uint8Array): CompressedFrame[] {
  return framesOf(bytes, zstdMagic, (view, start) => {
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
  })
}

const lz4Magic = 0x184d2204
/** Maximum expansion of a byte in an lz4 block. */
const lz4Ratio = 255

/**
 * The same for lz4. https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 *
 * @throws RangeError likewise
 */
export function lz4Frames(bytes: Uint8Array): CompressedFrame[] {
  return framesOf(bytes, lz4Magic, (view, start) => {
    const flags = view.getUint8(start + 4)
    const blockBytes = 2 ** (2 * ((view.getUint8(start + 5) >> 4) & 7) + 8)
    const hasSize = (flags & 0x08) !== 0
    const declaredBytes = hasSize ? littleEndian(view, start + 6, 8) : undefined
    const checksumBytes = (flags & 0x10) === 0 ? 0 : 4
    let at = start + 6 + (hasSize ? 8 : 0) + ((flags & 1) === 0 ? 0 : 4) + 1
    let mostBytes = 0
    for (;;) {
      const block = view.getUint32(at, true)
      at += 4
      if (block === 0) break
      const size = block & 0x7fff_ffff
      mostBytes += block === size ? Math.min(blockBytes, lz4Ratio * size) : size
      at += size + checksumBytes
    }
    return { start, end: at + ((flags & 0x04) === 0 ? 0 : 4), mostBytes, declaredBytes }
  })
}

/** @param frameAt reads the frame that begins at a position; reading beyond the bytes throws a RangeError */
function framesOf(
  bytes: Uint8Array,
  magic: number,
  frameAt: (view: DataView, start: number) => CompressedFrame,
): CompressedFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: CompressedFrame[] = []
  for (let at = 0; at < bytes.length; ) {
    const found = view.getUint32(at, true)
    if ((found & ~15) === skippableMagic) at += 8 + view.getUint32(at + 4, true)
    else if (found === magic) {
      const frame = frameAt(view, at)
      // Decoders take it for the end of the stream, and it has no content.
      if (frame.mostBytes > 0) frames.push(frame)
      if (frames.length > mostFrames) throw new RangeError(`A stream has more than ${mostFrames} frames`)
      at = frame.end
    } else throw new RangeError('Bytes between two frames belong to none')
    if (at > bytes.length) throw new RangeError('A frame ends after its stream')
  }
  return frames
}

function littleEndian(view: DataView, at: number, bytes: number): number {
  let value = 0
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + view.getUint8(at + i)
  return value
}
