/** What is told to those who load another kind of file. */
export interface ForeignKind {
  readonly problem: string
  readonly fix: string
}

const unpack = 'Unpack it first; .gz and .zst are read as they are'
const foreign = {
  workbook: ['it is a spreadsheet', 'Save the sheet as CSV in UTF-8'],
  zip: ['it is a ZIP archive, as Excel workbooks are', 'Unpack it, or save the sheet as CSV in UTF-8'],
  archive: ['it is an archive', 'Unpack it, and load the files in it'],
  compressed: ['its compression is not supported', unpack],
  bzip2: ['it is compressed with bzip2', unpack],
  xz: ['it is compressed with xz', unpack],
  sqlite: ['it is an SQLite database', 'Export the table as CSV first'],
  avro: ['it is an Avro container file', 'Convert it to Parquet or JSON first'],
  arrow: [
    'it is a Feather or Arrow file',
    'Write it as Parquet first: pyarrow.parquet.write_table(table, "rows.parquet")',
  ],
  orc: ['it is an ORC file', 'Write it as Parquet first'],
  statistics: ['it is a file of a statistics program', 'Export it as CSV first'],
  hdf5: ['it is an HDF5 file', 'Write its table as Parquet or CSV first'],
  numpy: ['it is an array of NumPy, or a pickle', 'Write it as Parquet or CSV first'],
  html: ['it is HTML, as some programs save a table as .csv or .xls', 'Save the table as CSV in UTF-8'],
  utf32: ['it is text in UTF-32, which is not supported', 'Save it in UTF-8'],
  xml: ['it is XML or HTML', 'Write its rows as CSV or JSON first'],
} as const satisfies Readonly<Record<string, readonly [problem: string, fix: string]>>

type Foreign = keyof typeof foreign

/** What a file's first bytes say that it is, whatever its name says. */
export type FileMagic = 'gzip' | 'zstd' | 'parquet' | Foreign | undefined

const magics: readonly (readonly [bytes: readonly number[], magic: FileMagic])[] = [
  [[0x1f, 0x8b], 'gzip'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd'],
  [[...Buffer.from('PAR1')], 'parquet'],
  [[0x50, 0x4b, 0x03, 0x04], 'zip'],
  [[...Buffer.from('BZh')], 'bzip2'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz'],
  [[0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], 'archive'],
  [[...Buffer.from('Rar!\u001a')], 'archive'],
  [[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], 'workbook'],
  [[...Buffer.from('SQLite format 3')], 'sqlite'],
  [[...Buffer.from('Obj\u0001')], 'avro'],
  [[...Buffer.from('ARROW1')], 'arrow'],
  [[...Buffer.from('FEA1')], 'arrow'],
  [[...Buffer.from('ORC\n')], 'orc'],
  [[...Buffer.from('ORC\u0001')], 'orc'],
  [[...Buffer.from('$FL2@(#)')], 'statistics'],
  [[...Buffer.from('$FL3@(#)')], 'statistics'],
  [[...Buffer.from('<stata_dta>')], 'statistics'],
  [[0x89, ...Buffer.from('HDF\r\n')], 'hdf5'],
  [[0x93, ...Buffer.from('NUMPY')], 'numpy'],
  [[0xff, 0xfe, 0, 0], 'utf32'],
  [[0, 0, 0xfe, 0xff], 'utf32'],
]
/** Where a tar archive says what it is. */
const tarPlace = 257
/** Bytes of a file's beginning that tell all of them. */
export const magicBytes = tarPlace + 5

/** @param head the file's first bytes, `magicBytes` if it has them */
export function fileMagic(head: Uint8Array): FileMagic {
  // A skippable frame of zstd, as tools with seek tables write it first: 184D2A5x, little-endian.
  if ((head[0] & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return 'zstd'
  if (Buffer.from(head.subarray(tarPlace, magicBytes)).toString('latin1') === 'ustar') return 'archive'
  if (/^(\ufeff)?\s*<(!doctype|html|table)\b/i.test(Buffer.from(head).toString())) return 'html'
  return magics.find(([bytes]) => bytes.every((byte, i) => head[i] === byte))?.[1]
}

/** Undefined for what can be read. */
export function foreignKind(magic: FileMagic): ForeignKind | undefined {
  if (magic === undefined || magic === 'gzip' || magic === 'zstd' || magic === 'parquet') return undefined
  const [problem, fix] = foreign[magic]
  return { problem, fix }
}

const endings: Readonly<Partial<Record<Foreign, string>>> = {
  workbook: 'xls xlsx xlsm xlsb ods numbers',
  zip: 'zip',
  archive: '7z tar tgz rar',
  bzip2: 'bz2',
  xz: 'xz',
  compressed: 'lz4 br z lzma snappy',
  sqlite: 'sqlite sqlite3 db',
  avro: 'avro',
  arrow: 'feather arrow ipc',
  orc: 'orc',
  statistics: 'sav zsav por dta sas7bdat xpt rds rda rdata',
  hdf5: 'h5 hdf5 hdf',
  numpy: 'npy npz pkl pickle',
  xml: 'xml html htm',
}

/** What a name's ending says that a file is; undefined for one that says nothing, or that can be read. */
export function foreignEnding(extension: string): ForeignKind | undefined {
  const ending = extension.slice(1).toLowerCase()
  const kind = (Object.keys(endings) as Foreign[]).find((kind) => endings[kind]?.split(' ').includes(ending))
  return foreignKind(kind)
}
