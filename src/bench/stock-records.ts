import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { framed } from '../avro/framing.ts'
import { mixed, type NormalPart } from './drawn-values.ts'
import { Orders, orderKey } from './orders.ts'
import { modeMeans } from './row-shapes.ts'

/** A row as a producer is given it; its bytes are borrowed until the next one. */
interface StockRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array
}

/** Different rows of a file: more than a batch can hold by far, so that none repeats a row. */
const mostRecords = 1 << 17

/** Rows of one double, from ten modes. */
export function oneDoubleRecord(schemaId: number): (row: number) => StockRecord {
  const parts = modeMeans.map((mean): NormalPart => [1 / modeMeans.length, mean, 1])
  const value = framed(schemaId, new Uint8Array(8))
  const view = new DataView(value.buffer)
  return (row) => {
    view.setFloat64(5, mixed(parts, 1, row), true)
    return { key: null, value }
  }
}

export function orderRecord(schemaId: number): (row: number) => StockRecord {
  const orders = new Orders(schemaId)
  return (row) => ({ key: Buffer.from(orderKey(row)), value: orders.value(row) })
}

/** Writes each row as the length of its key (-1: none), its key, the length of its value, and its value. */
export async function writeStockRecords(
  file: string,
  rows: number,
  record: (row: number) => StockRecord,
): Promise<void> {
  const out = createWriteStream(file)
  for (let row = 0; row < Math.min(rows, mostRecords); row++) {
    const { key, value } = record(row)
    out.write(Buffer.concat([length(key?.length ?? -1), key ?? new Uint8Array(0), length(value.length), value]))
  }
  out.end()
  await finished(out)
}

function length(bytes: number): Buffer {
  const word = Buffer.alloc(4)
  word.writeInt32BE(bytes)
  return word
}
