import { type FileHandle, open } from 'node:fs/promises'
import { FileUnreadableError } from '../file-errors.ts'

/*
 * NumPy's file of one array: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

const magic = Buffer.from('\x93NUMPY', 'latin1')

/** The header of a matrix, row after row; its length is a multiple of 64, as NumPy's own. */
export function npyHeader(rows: number, width: number, type: '<f4' | '<f8' = '<f4'): Buffer {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${rows}, ${width}), }`
  const plain = magic.length + 4 + text.length + 1
  const length = Math.ceil(plain / 64) * 64
  const head = Buffer.alloc(length, ' ')
  magic.copy(head)
  head[6] = 1
  head[7] = 0
  head.writeUInt16LE(length - 10, 8)
  head.write(text, 10, 'latin1')
  head[length - 1] = 0x0a
  return head
}

/** A matrix in a file. */
export interface NpyShape {
  readonly rows: number
  readonly width: number
  /** 4 for float32, 8 for float64 */
  readonly valueBytes: 4 | 8
  /** where the first value is */
  readonly start: number
}

/** A matrix that is read from a file, a block of rows at a time. */
export class NpyFile {
  /** the file in messages */
  readonly path: string
  readonly shape: NpyShape
  readonly #file: FileHandle
  #bytes: Buffer<ArrayBuffer> = Buffer.alloc(0)

  private constructor(path: string, file: FileHandle, shape: NpyShape) {
    this.path = path
    this.#file = file
    this.shape = shape
  }

  /**
   * @param name in messages
   * @throws FileUnreadableError for what is no matrix of numbers, and for one that ends too early
   */
  static async open(path: string, name = path): Promise<NpyFile> {
    const unreadable = (problem: string, fix: string, cause?: unknown) =>
      new FileUnreadableError(name, problem, fix, cause)
    const file = await open(path).catch((cause: NodeJS.ErrnoException) => {
      throw unreadable(cause.message, 'Name a file that numpy.save has written', cause)
    })
    try {
      const shape = await readShape(file).catch((cause: NodeJS.ErrnoException) => {
        throw unreadable(cause.message, 'Name a file that numpy.save has written', cause)
      })
      if (typeof shape === 'string') throw unreadable(shape, fix)
      const { size } = await file.stat()
      const expected = shape.start + shape.rows * shape.width * shape.valueBytes
      if (size !== expected)
        throw unreadable(
          `its header says ${shape.rows} rows of ${shape.width} columns, which take ${expected} bytes, ` +
            `and it has ${size}`,
          'Write the matrix again: it is not whole',
        )
      return new NpyFile(name, file, shape)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Reads rows [from, to). @returns shape (to - from, width), borrowed until the next call */
  async read(from: number, to: number): Promise<Float32Array | Float64Array> {
    const { width, valueBytes, start } = this.shape
    const count = (to - from) * width
    const length = count * valueBytes
    if (this.#bytes.length < length) this.#bytes = Buffer.from(new ArrayBuffer(length))
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.#file.read(this.#bytes, at, length - at, start + from * width * valueBytes + at)
      if (bytesRead === 0)
        throw new FileUnreadableError(this.path, 'it became shorter while it was read', 'Load it when it is complete')
      at += bytesRead
    }
    const { buffer } = this.#bytes
    return valueBytes === 4 ? new Float32Array(buffer, 0, count) : new Float64Array(buffer, 0, count)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

const fix =
  'Write it with numpy.save(path, numpy.ascontiguousarray(matrix, numpy.float32)), or as .parquet with the names of ' +
  'its columns'

/** A longer header than a matrix has. */
const mostHeaderBytes = 65_536

/** The shape, or why it cannot be read: a clause. */
async function readShape(file: FileHandle): Promise<NpyShape | string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(mostHeaderBytes), 0, mostHeaderBytes, 0)
  if (bytesRead < 12 || !buffer.subarray(0, magic.length).equals(magic)) return 'it is no .npy file of NumPy'
  const major = buffer[6]
  const [at, length] = major === 1 ? [10, buffer.readUInt16LE(8)] : [12, buffer.readUInt32LE(8)]
  if (major > 3 || at + length > bytesRead) return 'its header is none that NumPy writes'
  const header = buffer.toString('latin1', at, at + length)
  const descr = /'descr': *'([^']*)'/.exec(header)?.[1]
  const shape = /'shape': *\( *(\d+) *, *(\d+) *,? *\)/.exec(header)
  if (descr !== '<f4' && descr !== '<f8') return `its values are ${descr ?? 'no numbers'}, and not float32 or float64`
  if (!/'fortran_order': *False/.test(header)) return 'it is written column after column (Fortran order)'
  if (shape === null) return 'it is no matrix: its shape has not two dimensions'
  return { rows: Number(shape[1]), width: Number(shape[2]), valueBytes: descr === '<f4' ? 4 : 8, start: at + length }
}
