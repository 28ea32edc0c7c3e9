/** What a file's first bytes say that it is, whatever its name says. */
export type FileMagic = 'gzip' | 'zstd' | 'parquet' | 'zip' | 'bzip2' | 'xz' | 'sqlite' | 'avro' | undefined

const magics: readonly (readonly [bytes: readonly number[], magic: FileMagic])[] = [
  [[0x1f, 0x8b], 'gzip'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd'],
  [[...Buffer.from('PAR1')], 'parquet'],
  [[0x50, 0x4b, 0x03, 0x04], 'zip'],
  [[...Buffer.from('BZh')], 'bzip2'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz'],
  [[...Buffer.from('SQLite format 3')], 'sqlite'],
  [[...Buffer.from('Obj\u0001')], 'avro'],
]

/** @param head the file's first bytes, 16 or more if it has them */
export function fileMagic(head: Uint8Array): FileMagic {
  // A skippable frame of zstd, as tools with seek tables write it first: 184D2A5x, little-endian.
  if ((head[0] & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return 'zstd'
  return magics.find(([bytes]) => bytes.every((byte, i) => head[i] === byte))?.[1]
}
