import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { openDatabase } from '../../../src/files/database.ts'
import { openFileCells } from '../../../src/files/reading/file-cells.ts'
import type { TableFileOptions, TextOptions } from '../../../src/files/reading/table-options.ts'
import { cellReader, cellStyle } from '../../../src/stages/verify/cell-values.ts'
import { isSameValue } from '../../../src/stages/verify/same-value.ts'
import { type LoadedRows, loadedRows } from '../loaded-rows.ts'
import { temporaryFile, temporaryFolder } from '../temporary-folder.ts'

/** What files that people have must become. */
interface Case {
  readonly name: string
  readonly content: string | Buffer
  readonly text?: TextOptions
  readonly types?: Readonly<Record<string, string>>
  /** the first rows of columns */
  readonly values?: Readonly<Record<string, readonly unknown[]>>
  readonly last?: Readonly<Record<string, unknown>>
  readonly rows?: number
  /** what is said of a column */
  readonly remarks?: Readonly<Record<string, RegExp>>
  readonly doubts?: RegExp
  readonly refused?: RegExp
}

const lines = (header: string, rows: readonly (readonly unknown[])[], end = '\n', separator = ',') =>
  [header, ...rows.map((row) => row.join(separator))].map((line) => line + end).join('')
const range = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i))
const atZone = (zone: string) => `2024-01-01 00:00:00${zone},2024-01-01T00:00:00+05:30\n`
/** More rows than the types are guessed from. */
const manyRows = 20_600

const cases: readonly Case[] = [
  // Line ends.
  {
    name: 'crlf-quotes.csv',
    content: 'id,note\r\n1,"a,b"\r\n2,"say ""hi"""\r\n3,"two\r\nlines"\r\n',
    values: { id: [1n, 2n, 3n], note: ['a,b', 'say "hi"', 'two\r\nlines'] },
  },
  {
    name: 'mixed-ends.csv',
    content: 'a,b\r\n1,2\n3,"x\ny"\r\n5,"6\r\n"\r7,8',
    values: { a: [1n, 3n, 5n, 7n], b: ['2', 'x\ny', '6\r\n', '8'] },
  },
  {
    name: 'late-mixed-ends.csv',
    content: `${lines(
      'a,b',
      range(manyRows, (i) => [i, `"x${i}"`]),
    )}1,"x"\r\n`,
    rows: manyRows + 1,
  },
  { name: 'excel.csv', content: 'sep=;\r\nname;v\r\nx,y;1\r\nz;2\r\n', values: { name: ['x,y', 'z'], v: [1n, 2n] } },
  { name: 'one-column.csv', content: 'v\r\n1\r\n2\r\n', values: { v: [1n, 2n] } },

  // Delimiters.
  {
    name: 'comma-in-cells.csv',
    content: 'name;size\n"a, b";1,5\n"c, d";2,5\n',
    text: { numbers: { decimalMark: ',' } },
    values: { name: ['a, b', 'c, d'], size: [1.5, 2.5] },
  },
  {
    name: 'decimal-comma-no-header.csv',
    content: '1,5;2,5;3\n4,5;5,5;6\n',
    text: { numbers: { decimalMark: ',' } },
    types: { column0: 'double', column2: 'long' },
    rows: 2,
  },
  { name: 'city-state.tsv', content: 'City, State\tPop\nBoston, MA\t5\nAustin, TX\t6\n', values: { Pop: [5n, 6n] } },

  // Compression.
  {
    name: 'semicolon.csv.gz',
    content: gzipSync(
      lines(
        'price;qty',
        range(300, (i) => [i / 4, i]),
        '\n',
        ';',
      ),
    ),
    types: { price: 'double', qty: 'long' },
  },
  {
    name: 'members.csv.gz',
    content: Buffer.concat([gzipSync('a,b\n1,2\n'), gzipSync('3,4\n')]),
    values: { a: [1n, 3n] },
  },
  {
    name: 'frames.csv.zst',
    content: Buffer.concat([zstdCompressSync('a,b\n1,2\n'), zstdCompressSync('3,4\n')]),
    values: { a: [1n, 3n] },
  },
  { name: 'not-named-so.csv', content: gzipSync('a,b\n1,2\n'), values: { a: [1n] } },
  {
    name: 'cut-off.csv.gz',
    content: gzipSync(
      lines(
        'a,b',
        range(5000, (i) => [i, i]),
      ),
    ).subarray(0, -9),
    refused: /damaged or truncated/,
  },
  {
    name: 'cut-off.csv.zst',
    content: zstdCompressSync(
      lines(
        'a,b',
        range(5000, (i) => [i, Math.sqrt(i)]),
      ),
    ).subarray(0, -9),
    refused: /damaged or truncated/,
  },
  {
    name: 'cut-off.json.gz',
    content: gzipSync('{"a":1}\n{"a":2}\n'.repeat(500)).subarray(0, -9),
    refused: /damaged or truncated/,
  },
  { name: 'workbook.csv', content: Buffer.from('PK\u0003\u0004rest'), refused: /ZIP archive/ },
  { name: 'really-parquet.csv', content: Buffer.from('PAR1rest'), refused: /Parquet/ },

  // Types that the first rows do not show.
  {
    name: 'late-decimal.csv',
    content: lines('id,amount', [...range(manyRows, (i) => [i, i]), [1, 1.5], [2, -0.5]]),
    types: { id: 'long', amount: 'double' },
    last: { amount: -0.5 },
  },
  {
    name: 'late-decimal.ndjson',
    content: `${range(manyRows, (i) => `{"x":${i}}\n`).join('')}{"x":2.75}\n`,
    types: { x: 'double' },
    last: { x: 2.75 },
  },
  {
    name: 'late-leading-zero.csv',
    content: lines('id,zip', [...range(manyRows, (i) => [i, 10_001 + i]), [1, '02134']]),
    types: { zip: 'string' },
    last: { zip: '02134' },
    remarks: { zip: /identifiers/ },
  },
  {
    name: 'late-long-id.csv',
    content: lines('id', [...range(manyRows, (i) => [i]), ['12345678901234567890']]),
    types: { id: 'string' },
    last: { id: '12345678901234567890' },
  },
  {
    name: 'late-text.csv',
    content: lines('id,v', [...range(manyRows, (i) => [i, i]), [1, 'abc']]),
    refused: /late-text\.csv:20602, column "v": "abc" is not a whole number/,
  },
  {
    name: 'late-truth.csv',
    content: lines('id,v', [...range(manyRows, (i) => [i, i]), [1, 'true']]),
    refused: /:20602, column "v": "true"/,
  },
  {
    name: 'late-truth.ndjson',
    content: `${range(manyRows, (i) => `{"v":${i}}\n`).join('')}{"v":true}\n`,
    refused: /:20601, column "v": "true"/,
  },
  {
    name: 'late-time.csv',
    content: lines('id,d', [...range(manyRows, (i) => [i, '2024-03-01']), [1, '2024-03-02 10:30:00']]),
    types: { d: 'timestamp-micros' },
    last: { d: 1_709_375_400_000_000n },
  },
  {
    name: 'late-first-value.csv',
    content: lines('id,v', [...range(manyRows, (i) => [i, '']), [1, '2.5']]),
    types: { v: 'double' },
    last: { v: 2.5 },
  },
  {
    name: 'late-key.ndjson',
    content: `${range(manyRows, (i) => `{"id":${i}}\n`).join('')}{"id":1,"bonus":2.5}\n`,
    types: { bonus: 'double' },
    last: { bonus: 2.5 },
  },
  {
    name: 'late-big-among-decimals.csv',
    content: lines('v', [...range(manyRows, (i) => [i + 0.5]), ['9007199254740993']]),
    refused: /:20602, column "v": "9007199254740993" is not a number that a double holds/,
  },

  // Numbers.
  { name: 'negative.json', content: '[{"v":1},{"v":-1},{"v":3}]', types: { v: 'long' }, values: { v: [1n, -1n, 3n] } },
  {
    name: 'longest.csv',
    content: 'v\n9223372036854775807\n-9223372036854775808\n',
    values: { v: [9223372036854775807n, -9223372036854775808n] },
  },
  {
    name: 'beyond-long.csv',
    content: 'v\n9223372036854775808\n1\n',
    types: { v: 'string' },
    values: { v: ['9223372036854775808', '1'] },
  },
  {
    name: 'ids-23-digits.ndjson',
    content: range(60, (i) => `{"id":12345678901234567890${100 + i}}\n`).join(''),
    types: { id: 'string' },
    values: { id: ['12345678901234567890100', '12345678901234567890101'] },
  },
  {
    name: 'plus-signs.csv',
    content: lines('d,n', [
      ['+1.5', '+3'],
      ['-2.0', '-4'],
    ]),
    types: { d: 'double', n: 'long' },
    values: { d: [1.5, -2], n: [3n, -4n] },
  },
  {
    name: 'spaces.csv',
    content: 'a, b\n 1, 2.5 \n 3, 4.5 \n',
    types: { a: 'long', b: 'double' },
    values: { b: [2.5, 4.5] },
  },
  { name: 'exponents.csv', content: 'v\n1e5\n2.5E-3\n-1e+2\n', values: { v: [1e5, 2.5e-3, -100] } },
  {
    name: 'overflow.csv',
    content: lines('v', [...range(50, (i) => [i + 0.5]), ['1e400']]),
    refused: /:52, column "v": "1e400"/,
  },
  { name: 'underscores.csv', content: 'v\n1_000\n2_000\n', types: { v: 'string' } },
  { name: 'hex.csv', content: 'v\n0x1F\n0x2A\n', types: { v: 'string' } },
  { name: 'versions.csv', content: 'v\n1.2.3\n1.10\n', types: { v: 'string' } },
  {
    name: 'wide-json.ndjson',
    content: range(30, (r) => `${JSON.stringify(Object.fromEntries(range(300, (c) => [`k${c}`, r * c])))}\n`).join(''),
    types: { k0: 'long', k299: 'long' },
    values: { k2: [0n, 2n, 4n] },
  },
  {
    name: 'case-of-keys.json',
    content: '[{"id":1,"ID":2.5,"a/b":3,"c~d":4,"e\\"f":5,"":6}]',
    values: { id: [1n], ID: [2.5], a_b: [3n], c_d: [4n], e_f: [5n], _: [6n] },
  },
  { name: 'marked.json', content: '\ufeff[{"a":1},{"a":2}]', values: { a: [1n, 2n] } },
  { name: 'utf-16.json', content: Buffer.from('\ufeff[{"a":"é"}]', 'utf16le'), values: { a: ['é'] } },
  {
    name: 'numbers-as-strings.json',
    content: '[{"v":"1.5"},{"v":"2"}]',
    types: { v: 'string' },
    remarks: { v: /--types v:DOUBLE/ },
  },
  {
    name: 'numbers-as-strings-told.json',
    content: '[{"v":"1.5"},{"v":"2"}]',
    text: { types: { v: 'double' } },
    values: { v: [1.5, 2] },
  },
  {
    name: 'nested.json',
    content: '[{"a":1,"o":{"x":1}},{"a":2,"o":{"x":2}}]',
    refused: /column "o".*objects or lists|Column "o".*objects or lists/i,
  },
  {
    name: 'nested-told.json',
    content: '[{"a":1,"o":{"x":1}}]',
    text: { types: { o: 'VARCHAR' } },
    values: { o: ['{"x":1}'] },
  },
  {
    name: 'close-fractions.csv',
    content: 'a,b,c\n12345678901234567.01,1234567890123456789e1,0.1234567890123456789\n12345678901234567.02,2,1\n',
    values: {
      a: ['12345678901234567.01', '12345678901234567.02'],
      b: ['1234567890123456789e1', '2'],
      c: [0.12345678901234568, 1],
    },
    remarks: { a: /too exact/, b: /too exact/ },
  },
  {
    name: 'large-doubles.csv',
    content:
      'a,b\n1.7976931348623157e308,1.2345678901234567e+20\n6.02214076e23,123456789012345680000.0\n' +
      '123456789012345.67e0,1e22\n',
    values: {
      a: [1.7976931348623157e308, 6.02214076e23, 123456789012345.67],
      b: [1.2345678901234567e20, 1.2345678901234568e20, 1e22],
    },
  },
  {
    name: 'close-grouped.csv',
    content: 'a;b\n12,345,678,901,234,567.01;1,234.5\n12,345,678,901,234,567.02;2\n',
    text: { numbers: { decimalMark: '.', thousands: ',' } },
    values: { a: ['12,345,678,901,234,567.01', '12,345,678,901,234,567.02'], b: [1234.5, 2] },
  },
  {
    name: 'named-exact-decimals.csv',
    content: 'bal,price,id\n12345678901234567.01,12.50,12345678901234567\n12345678901234567.02,1.5,7\n',
    text: { types: { bal: 'DECIMAL(20,2)', price: 'DECIMAL(20,2)', id: 'DECIMAL(20,0)' } },
    values: {
      bal: ['12345678901234567.01', '12345678901234567.02'],
      price: [12.5, 1.5],
      id: [12345678901234567n, 7n],
    },
    remarks: { bal: /no double holds/ },
  },
  {
    name: 'named-rounded-decimals.csv',
    content: 'bal\n12345678901234567.014\n',
    text: { types: { bal: 'DECIMAL(20,2)' } },
    refused: /is not a value of DECIMAL/,
  },
  {
    name: 'minus-zero.csv',
    content: 'a,b,c\n-0,0,-0.0\n7,+7,1.5\n',
    values: { a: [-0, 7], b: [0n, 7n], c: [-0, 1.5] },
  },
  {
    name: 'minus-zero-named.csv',
    content: 'a\n7\n-0\n',
    text: { types: { a: 'BIGINT' } },
    refused: /:3.*"-0" is not a value of BIGINT/,
  },
  {
    name: 'no-such-zones.csv',
    content: `a,b\n${['+25:00', '+99:99', '+01:60', '+16:00'].map(atZone).join('')}`,
    types: { a: 'string', b: 'timestamp-micros' },
    remarks: { a: /./ },
  },
  {
    name: 'numbers-among-texts.json',
    content:
      '[{"a":12345678901234567891.0},{"a":1.10},{"a":-0},{"a":3.141592653589793238},{"a":"1.1"},{"a":1e400},' +
      '{"a":true},{"a":null},{"a":"x"}]',
    values: { a: ['12345678901234567891.0', '1.10', '-0', '3.141592653589793238', '1.1', '1e400', 'true', null, 'x'] },
  },
  {
    name: 'numbers-told-text.json',
    content: '{"a":1.10,"b":{"x":[1.10, 1e2]},"c":"q"}\n{"a":2,"b":null}\n',
    text: { types: { a: 'VARCHAR', b: 'VARCHAR' } },
    values: { a: ['1.10', '2'], b: ['{"x":[1.10,1e2]}', null], c: ['q', null] },
  },
  {
    name: 'null-fraction.json',
    content: '{"a":1.5}\n{"a":999.90}\n',
    text: { nullTexts: ['999.90'] },
    values: { a: [1.5, null] },
  },
  {
    name: 'long-numbers.json',
    content: '{"a":9007199254740993.0, "b":1.5}\n{"a":9007199254740992.0, "b":-2e-5}\n',
    values: { a: ['9007199254740993.0', '9007199254740992.0'], b: [1.5, -2e-5] },
    remarks: { a: /too exact/ },
  },
  { name: 'minus-zero.json', content: '{"a":-0}\n{"a":7}\n', values: { a: [-0, 7] }, types: { a: 'double' } },
  { name: 'not-a-number.json', content: '[{"a":"x"},\n{"a":NaN}]', refused: /json:2: .*not JSON/ },
  {
    name: 'whole-strings.json',
    content: '[{"n":"5","z":"05"},{"n":"7","z":"10"}]',
    values: { n: ['5', '7'] },
    remarks: { n: /--types n:BIGINT/, z: /identifiers/ },
  },
  {
    name: 'phones.csv',
    content: 'phone,change\n+15551234567,+1\n+442071838750,-12345678901\n',
    values: { phone: ['+15551234567', '+442071838750'], change: [1n, -12345678901n] },
    remarks: { phone: /phone numbers.*text/ },
  },
  {
    name: 'late-no-phone.csv',
    content: lines('n', [...range(manyRows, (i) => [`+1555${1_000_000 + i}`]), [-5]]),
    types: { n: 'long' },
  },
  {
    name: 'two-units.csv',
    content: 'w,v\n5 kg,1 kg\n6 lb,2 kg\n',
    text: { numbers: { decimalMark: '.', units: ['kg', 'lb'] } },
    values: { w: [5n, 6n], v: [1n, 2n] },
    remarks: { w: /kg and lb: the units are left out/, v: /^$/ },
  },
  {
    name: 'other-forms.csv',
    content:
      't;h;u;log;id\n8:30;0x1F;1_000;10/Oct/2000:13:55:36 ' +
      '-0700;007\n23:15;0x2A;2_500;11/Oct/2000:13:55:36 -0700;008\n7:05;0xff;3;12/Oct/2000:13:55:36 -0700;x\n',
    types: { t: 'string', h: 'string', u: 'string', log: 'string', id: 'string' },
    remarks: { t: /08:30:00/, h: /hexadecimal/, u: /--thousands _/, log: /web log/, id: /^$/ },
  },
  {
    name: 'underscores-told.csv',
    content: 'u\n1_000\n2_500.5\n',
    text: { numbers: { decimalMark: '.', thousands: '_' } },
    values: { u: [1000, 2500.5] },
  },
  {
    name: 'huge.json',
    content: '[{"n":1e400},{"n":5}]',
    values: { n: ['1e400', '5'] },
    remarks: { n: /1 of its 2 values are numbers, the others too large/ },
  },
  {
    name: 'nested-key-twice.json',
    content: '{"o":{"x":":"}}\n{"o":{"x":1,"x":2}}\n',
    text: { types: { o: 'VARCHAR' } },
    refused: /json:2: a nested object has a key twice/,
  },
  ...['TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMPTZ'].flatMap((type, i): Case[] => [
    {
      name: `zone-${type}.csv`,
      content: 't,k\n2024-01-01 00:00:00+02:00,a\n2024-01-01 00:00:00,b\n',
      text: { types: { t: type } },
      values: {
        t: [1704060000n, 1704067200n].map((seconds) => seconds * [1_000n, 1_000n, 1_000_000_000n, 1_000_000n][i]),
      },
    },
    {
      name: `no-zone-${type}.csv`,
      content: 't,k\n2024-01-01 00:00:00+25:00,a\n',
      text: { types: { t: type } },
      refused: /:2.*"2024-01-01 00:00:00\+25:00" is not/,
    },
  ]),
  { name: 'no-keys.json', content: '{}', refused: /its objects have no keys/ },
  { name: 'utf-32.csv', content: Buffer.from('fffe000061000000', 'hex'), refused: /UTF-32.*UTF-8/ },
  { name: 'page.csv', content: '\ufeff <HTML><table><tr><td>1,2</td></tr></table>\n', refused: /it is HTML/ },
  { name: 'table.csv', content: '<table border=1>\n<tr><td>1</td></tr></table>\n', refused: /it is HTML/ },
  {
    name: 'behind-quote.csv',
    content: 'a,b\n0,q\n1,"x"y\n2,z\n',
    refused: /csv:3: text follows a closing quote/,
  },
  // A blank before a quote, as people write who put a blank behind each comma.
  {
    name: 'blank-quotes.csv',
    content: '"id", "name"\n1, "Smith, John"\n2, "x" \n3,  y\n',
    values: { id: [1n, 2n, 3n], name: ['Smith, John', 'x', '  y'] },
  },
  {
    name: 'blank-quotes-mixed-ends.csv',
    content: ' "a", "b"\n "1", "x\r\ny"\r\n2, "say ""z"""\n',
    values: { a: [1n, 2n], b: ['x\r\ny', 'say "z"'] },
  },
  { name: 'blank-open-quote.csv', content: 'a,b\n1, "x\n2,y\n', refused: /csv:2: a quote is not closed/ },
  { name: 'misquoted-header.csv', content: 'a, "b": c\n1,2\n3,4\n', refused: /csv:1: text follows a closing quote/ },
  { name: 'misquoted-names.csv', content: '\n"a"x,b\n1,2\n', refused: /csv:2: text follows a closing quote/ },
  ...['{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', '[\n{"a": 1,\n"b": 2}]\n'].map((content, i) => ({
    name: `json-${i}.txt`,
    content,
    refused: /its content is JSON/,
  })),
  // What stands between values is none of the usual delimiters.
  {
    name: 'rare-blanks.txt',
    content: 'x y name\n1 1.5 a\n2 2.5 b\n3 3.5 c\n',
    types: { x_y_name: 'string' },
    doubts: /its lines have 3 values with ' ' between them: add --delimiter ' '/,
  },
  {
    name: 'rare-padded.txt',
    content: '  x    y\n   1  2.50\n  10 12.50\n',
    doubts: /its lines have 2 values with blanks around them/,
  },
  {
    name: 'rare-hive.txt',
    content: '1\u0001a\u00011.5\n2\u0001b\u00012.5\n3\u0001c\u00013.5\n',
    doubts: /3 values with '\\x01' between them: add --delimiter '\\x01'/,
  },
  { name: 'rare-r.txt', content: '"x" "y"\n"1" 2\n"2" 3\n', refused: /:1: text follows.*--delimiter ' '/ },
  // Advice that helps.
  {
    name: 'several-nulls.csv',
    content: lines(
      'v,k',
      range(60, (i) => [['inf', '-inf', 'nan', i, i, i][i % 6], i]),
    ),
    remarks: { v: /"nan": --null nan takes such a text for null; others, as "-inf", "inf", are infinite: --types v:D/ },
  },
  // What is a number in another form is none to be lost.
  {
    name: 'losses.csv',
    content: 'v,w\n5,a\n7,b\n($7),c\n',
    remarks: { v: /^its values are numbers in a form that no flag reads/ },
  },
  {
    name: 'forms-among-numbers.tsv',
    content: lines(
      ['brackets', 'sign', 'coin', 'long', 'endless', 'day', 'hex', 'time', 'zip'].join('\t'),
      [
        ...range(60, (i) => range(9, () => 1000 + i)),
        ...range(10, () => ['($7)', '7-', '₺7', '1_000', 'inf', '2024-01-05', '0xff', '10:30:00', '007']),
        ...range(10, () => range(9, () => 'x')),
      ],
      '\n',
      '\t',
    ),
    remarks: {
      brackets: /--null x takes .*; others, as "\(\$7\)", are numbers in a form that no flag reads/,
      sign: /--null x takes .*; others, as "7-", are numbers in a form that no flag reads/,
      coin: /--null x takes .*; others, as "₺7", are numbers with marks or units: .*--units/,
      long: /--null x takes .*; others, as "1_000", are numbers with underscores .*: add --thousands _/,
      endless: /--null x takes .*; others, as "inf", are infinite: --types endless:DOUBLE/,
      day: /--null x takes .*; others, as "2024-01-05", look like dates/,
      hex: /--null x takes .*; others, as "0xff", look like hexadecimal/,
      time: /--null x takes .*; others, as "10:30:00", look like times/,
      zip: /--null x takes .*; others, as "007", have zeros in front/,
    },
  },
  {
    name: 'infinite.csv',
    content: 'v,w\ninf,a\n5,b\n-inf,c\n',
    text: { types: { v: 'DOUBLE' }, header: true },
    values: { v: [Number.POSITIVE_INFINITY, 5, Number.NEGATIVE_INFINITY] },
  },
  {
    name: 'number-among-dates.csv',
    content: 'd,w\n2024-01-01,a\n2024-01-02,b\n2024-01-03,c\n45292,d\n',
    remarks: { d: /^3 of its 4 values are dates; others, as "45292", are numbers: write them as dates in the file$/ },
  },
  {
    name: 'bracket-row.csv',
    content: lines(
      'v',
      range(60, (i) => [i === 3 ? '(7)' : i]),
    ),
    refused: /"\(7\)" is not a whole number(?!.*--null).* in a form that no flag reads/,
  },
  // Dates that the calendar does not have.
  {
    name: 'leap-days.csv',
    content:
      'iso,fr,order\n2023-02-28,28/02/2023,31/12/2023\n2024-02-29,29/02/2024,12/31/2023\n2023-02-29,29/02/2023,x\n',
    remarks: {
      iso: /^its values look like dates, and "2023-02-29" is no date: correct it in the file$/,
      fr: /and "29\/02\/2023" is no date: correct it in the file and add --date-format %d\/%m\/%Y$/,
      order: /in several forms/,
    },
  },
  {
    name: 'leap-days-told.csv',
    content: 'd,w\n28.02.23,a\n29.02.24,b\n29.02.23,c\n',
    text: { dateFormat: '%d.%m.%y' },
    remarks: { d: /^its values look like dates, and "29.02.23" is no date: correct it in the file$/ },
  },
  {
    name: 'log-times.tsv',
    content: lines(
      'python\tlog4j\tmicro',
      range(20, (i) => [
        `2024-01-01 00:00:${10 + i},123`,
        `01 Jan 2024 00:00:${10 + i},5${i % 10}`,
        `2024-01-01T00:00:${10 + i},123456`,
      ]),
      '\n',
      '\t',
    ),
    remarks: {
      python: /^its values look like dates: add --date-format '%Y-%m-%d %H:%M:%S,%g'$/,
      log4j: /^its values look like dates: add --date-format '%d %b %Y %H:%M:%S,%g'$/,
      micro: /^its values look like dates: add --date-format %Y-%m-%dT%H:%M:%S,%f$/,
    },
  },
  {
    name: 'log-times-told.tsv',
    content: 'at\tw\n2024-01-01 00:00:00,123\ta\n2024-01-01 00:00:01,456\tb\n',
    text: { dateFormat: '%Y-%m-%d %H:%M:%S,%g' },
    values: { at: [1_704_067_200_123_000n, 1_704_067_201_456_000n] },
  },
  {
    name: 'too-large.csv',
    content: lines(
      'v',
      range(60, (i) => [i === 3 ? '1e400' : i]),
    ),
    refused: /"1e400" is not a whole number(?!.*--thousands)/,
  },
  {
    name: 'sas.csv',
    content: lines(
      'd,t,code',
      range(28, (i) => [`${10 + (i % 19)}JAN2024`, `0${(i % 9) + 1}DEC2023:10:00:00`, `${10 + (i % 19)}ABC2024`]),
    ),
    types: { d: 'string', t: 'string', code: 'string' },
    remarks: { d: /--date-format %d%b%Y$/, t: /--date-format %d%b%Y:%H:%M:%S$/ },
  },
  {
    name: 'fortran.csv',
    content: lines(
      'v,w',
      range(40, (i) => [`${i}.5D+03`, `\u00a0${i}.5`]),
    ),
    remarks: { v: /exponent D/, w: /no-break spaces/ },
  },
  {
    name: 'other-forms.tsv',
    content: lines(
      'rupees\tip\tformula',
      range(40, (i) => [`12,34,${100 + i}.50`, `10.0.0.${i}`, `="${100 + i}"`]),
      '\n',
      '\t',
    ),
    remarks: { rupees: /as in India/, ip: /^$/, formula: /formulas of a spreadsheet/ },
  },
  {
    name: 'words-among-few-digits.tsv',
    content: lines(
      'words\tformula\tkm\tspread',
      range(40, (i) => [
        i % 3 === 0 ? `item ${i}` : 'word',
        '="of words"',
        i % 5 === 0 ? 'n/a' : `${i}.5 km`,
        i % 3 === 0 ? `${i} km` : 'near',
      ]),
      '\n',
      '\t',
    ),
    remarks: { words: /^$/, formula: /formulas of a spreadsheet/, km: /a unit, as km: add --units km/, spread: /^$/ },
  },
  {
    name: 'sqlcmd.txt',
    content: `id v\n-- ----\n${range(30, (i) => `${i} ${i / 2}\n`).join('')}\n(30 rows affected)\n`,
    doubts: /its lines have 2 values with ' ' between them/,
  },
  // Points between thousands, which look like decimal points.
  {
    name: 'points-and-commas.csv',
    content: lines(
      'n,p,q',
      range(40, (i) => [`${i + 1}.${100 + i}`, `"${i},50"`, `0.${100 + i}`]),
    ),
    types: { n: 'double', p: 'string', q: 'double' },
    remarks: { n: /if points stand between thousands, add --decimal-mark , --thousands \.$/, q: /^$/ },
  },
  {
    name: 'points-semicolon.csv',
    content: lines(
      'n;q',
      range(40, (i) => [`${i + 1}.${100 + i}`, `${i}.5`]),
      '\n',
      ';',
    ),
    remarks: { n: /if points stand between thousands/, q: /^$/ },
  },
  {
    name: 'points-told.csv',
    content: lines(
      'n;p',
      range(40, (i) => [`${i + 1}.${100 + i}`, `${i},5`]),
      '\n',
      ';',
    ),
    text: { numbers: { decimalMark: ',' } },
    remarks: { n: /points between thousands: add --thousands \.$/ },
  },
  {
    name: 'points-late.csv',
    content: lines(
      'n',
      range(40, (i) => [i === 30 ? '1.234.567' : `${i + 1}.${100 + i}`]),
    ),
    refused: /:32.*Add --decimal-mark , --thousands \. if points/,
  },
  { name: 'apostrophes.csv', content: "a,b\n'x, 1',2\n'y, 2',3\n", refused: /Try --quote "'": then all lines/ },
  {
    name: 'apostrophe-numbers.csv',
    content: lines(
      'a,b',
      range(30, (i) => [`'${i}.5'`, i]),
    ),
    remarks: { a: /numbers between apostrophes: add --quote "'"/ },
  },
  // What is in something else.
  { name: 'twice.csv.gz', content: gzipSync(gzipSync('a,b\n1,2\n')), refused: /behind its compression it is gzip/ },
  { name: 'answer.json', content: '{"data": [{"a": 1}], "total": 1}', refused: /jq -c '\.\["data"\]\[\]'/ },
  { name: 'pandas.json', content: '{"a":{"0":1,"1":2},"b":{"0":1.5,"1":2.5}}', refused: /orient="records"/ },
  { name: 'mongo.json', content: '{"_id":{"$oid":"1"},"n":1}\n{"_id":{"$oid":"2"},"n":2}', refused: /mongoexport/ },
  { name: 'trailing-comma.json', content: '[{"a": 1},]', refused: /a value is missing/ },
  { name: 'cut-off.jsonl', content: '{"a": 1}\n{"a": ', refused: /:2: unexpected end of data\. Correct/ },
  { name: 'dos-end.csv', content: 'a,b\r\n1,x\r\n2,y\r\n\u001a', values: { a: [1n, 2n] }, rows: 2 },
  { name: 'dos-end.csv.gz', content: gzipSync('a\r\n1\r\n2\r\n\u001a'), values: { a: [1n, 2n] }, rows: 2 },
  { name: 'giant.csv', content: `a,b\n1,x\n2,${'y'.repeat(33_000_000)}\n3,z\n`, refused: /csv:3: .* 16,000,000 bytes/ },
  { name: 'no-objects.json', content: '[1,2,3]', refused: /value 1 is not an object/ },
  {
    name: 'key-twice.json',
    content: '[{"a":1},\n{"b":"}\\\\","a":1,"a":2}]',
    refused: /json:2: object 2 has the key "a" twice/,
  },
  { name: 'malformed.ndjson', content: '{"a":1}\n{"a":"{\\""}\n{"a":}\n{"a":3}\n', refused: /ndjson:3: / },
  { name: 'malformed.json', content: '[\n{"a":1},\n{"a":\n2},\n{"a":}\n]', refused: /json:5: / },
  { name: 'unclosed.json', content: '[\n{"a":1},\n{"a":2', refused: /json:3: / },
  { name: 'comments.json', content: '{"a":1}\n// x\n{"a":2}\n', refused: /json:2: / },
  { name: 'python.json', content: "{'a':1}\n", refused: /json:1: / },
  {
    name: 'late-text.json',
    content: `[${range(20, (i) => `{"v":\n${i}}`).join(',')},{"v":"x"}]`,
    refused: /json:21, column "v": object 21: "x"/,
  },
  { name: 'cut.json', content: '[{"a":1},{"a":2', refused: /cut\.json/ },

  // Headers.
  {
    name: 'years-header.csv',
    content: '"","1940","1945"\n"Food",22.2,44.5\n"Household",10.5,15.5\n',
    text: { header: true },
    values: { _1940: [22.2, 10.5] },
  },
  { name: 'years-header-untold.csv', content: 'x,1940,1945\nFood,22.2,44.5\n', doubts: /--header/ },
  {
    name: 'all-text-untold.csv',
    content: 'name,month\nA,M1\nB,M2\n',
    values: { name: ['A', 'B'] },
    doubts: /--header/,
  },
  { name: 'no-header.csv', content: '1,2.5\n2,3.5\n', values: { column0: [1n, 2n], column1: [2.5, 3.5] } },
  { name: 'header-only.csv', content: 'a,b\n', refused: /header-only\.csv: it has a header and no row/ },
  { name: 'empty-array.json', content: '[]', refused: /no row/ },
  {
    name: 'names-in-any-script.csv',
    content: 'цена,город,价格,a b,a-b\n1.5,1,2,3,4\n',
    values: { tsena: [1.5], gorod: [1n], JiaGe: [2n], a_b: [3n], a_b_2: [4n] },
  },
  { name: 'same-names.csv', content: 'a,A,a,\n1,2,3,4\n', values: { a: [1n], A: [2n], a_1: [3n], column3: [4n] } },

  {
    name: 'years-above-whole-numbers.csv',
    content: 'country,2020,2021\nDE,83,84\nFR,67,68\n',
    values: { country: ['DE', 'FR'], _2020: [83n, 67n] },
    doubts: /--header/,
  },
  { name: 'shops.csv', content: 'store,1,2\nA,10,20\nB,11,21\n', doubts: /--header/ },
  { name: 'dates-above-numbers.csv', content: 'id,2024-01-01\nDE,1\nFR,2\n', values: { _2024_01_01: [1n, 2n] } },
  { name: 'empty-first-lines.csv', content: '\r\n\r\na,b\r\n1,2\r\n', values: { a: [1n], b: [2n] } },
  { name: 'excel-empty-line.csv', content: 'sep=;\r\n\r\na;b\r\n1;2\r\n', values: { a: [1n], b: [2n] } },
  {
    name: 'titles.csv',
    content: 'Report for March\n\nof 2024\na,b,c\n1,2,3\n',
    text: { skipLines: 3 },
    values: { a: [1n], c: [3n] },
  },
  { name: 'empty-lines.csv', content: '\n\n\n', refused: /it has no row/ },
  {
    name: 'years-of-two-digits.csv',
    content: 'd\n01/02/24\n03/04/24\n',
    text: { dateFormat: '%d/%m/%Y' },
    types: { d: 'string' },
  },
  {
    name: 'hour-behind-date.csv',
    content: 'd\n01/02/2024 10h\n',
    text: { dateFormat: '%d/%m/%Y %-Hh' },
    values: { d: [1_706_781_600_000_000n] },
    doubts: /--header/,
  },
  {
    name: 'ids-with-zero-decimals.csv',
    content: 'id\n1234567890123456.0\n9007199254740993.0\n',
    types: { id: 'string' },
  },
  { name: 'whole-na.csv', content: 'q\n1\nNA\n3\n', remarks: { q: /2 of its 3 values are numbers.*--null NA/ } },
  {
    name: 'named-whole-with-rest.csv',
    content: 'v\n12345678901234567.4\n',
    text: { types: { v: 'BIGINT' } },
    refused: /:2, column "v"/,
  },
  { name: 'blank-null.csv', content: 'v\n1\n \n3\n', text: { nullTexts: [' '] }, values: { v: [1n, null, 3n] } },

  // Numbers as people write them.
  {
    name: 'decimal-comma.csv',
    content: lines(
      'p;n',
      [
        ['0,5', 1],
        ['1,5', 2],
      ],
      '\n',
      ';',
    ),
    text: { numbers: { decimalMark: ',' } },
    values: { p: [0.5, 1.5] },
  },
  {
    name: 'decimal-comma-untold.csv',
    content: lines(
      'p;n',
      [
        ['0,5', 1],
        ['1,5', 2],
      ],
      '\n',
      ';',
    ),
    types: { p: 'string' },
    remarks: { p: /--decimal-mark ,/ },
  },
  {
    name: 'thousands.csv',
    content: lines('v,n', [
      ['"1,000.25"', 1],
      ['"12,001"', 2],
    ]),
    text: { numbers: { decimalMark: '.', thousands: ',' } },
    values: { v: [1000.25, 12001] },
  },
  {
    name: 'thousands-untold.csv',
    content: lines('v,n', [
      ['"1,000.25"', 1],
      ['"12,001"', 2],
    ]),
    types: { v: 'string' },
    remarks: { v: /--thousands ,/ },
  },
  {
    name: 'not-thousands.csv',
    content: lines('v', [...range(40, () => ['"1,000"']), ['"1,00"']]),
    text: { numbers: { decimalMark: '.', thousands: ',' } },
    refused: /:42, column "v": "1,00"/,
  },
  {
    name: 'german.csv',
    content: lines(
      'v;n',
      [
        ['1.234,56', 1],
        ['-12,5', 2],
      ],
      '\n',
      ';',
    ),
    text: { numbers: { decimalMark: ',', thousands: '.' } },
    values: { v: [1234.56, -12.5] },
  },
  {
    name: 'german-untold.csv',
    content: lines(
      'v;n',
      [
        ['1.234,56', 1],
        ['2.234,5', 2],
      ],
      '\n',
      ';',
    ),
    remarks: { v: /--decimal-mark , --thousands \./ },
  },
  {
    name: 'swiss-untold.csv',
    content: lines(
      'v;n',
      [
        ["1'234.5", 1],
        ["2'234.5", 2],
      ],
      '\n',
      ';',
    ),
    remarks: { v: /--thousands "'"/ },
  },
  {
    name: 'french-untold.csv',
    content: lines(
      'v;n',
      [
        ['1 234,5', 1],
        ['2 234,5', 2],
      ],
      '\n',
      ';',
    ),
    remarks: { v: /--decimal-mark , --thousands ' '/ },
  },
  {
    name: 'units-untold.csv',
    content: lines(
      'price,share',
      range(9, (i) => [`$${i}.99`, `${i}%`]),
    ),
    remarks: { price: /--units/, share: /--units %/ },
  },
  {
    name: 'units.csv',
    content: lines(
      'price,share',
      range(9, (i) => [`-$${i + 1}.99`, `${i} %`]),
    ),
    text: { numbers: { decimalMark: '.', units: ['$', '%'] } },
    values: { price: [-1.99, -2.99], share: [0n, 1n] },
  },
  { name: 'accounting.csv', content: lines('v', [['(1.50)'], ['2.50']]), remarks: { v: /change them in the file/ } },
  {
    name: 'na.csv',
    content: lines(
      'fee',
      range(100, (i) => [i % 5 === 0 ? 'NA' : i + 0.5]),
    ),
    types: { fee: 'string' },
    remarks: { fee: /80 of its 100 values are numbers.*"NA".*--null NA/ },
  },
  {
    name: 'na-told.csv',
    content: lines(
      'fee',
      range(100, (i) => [i % 5 === 0 ? 'NA' : i + 0.5]),
    ),
    text: { nullTexts: ['NA'] },
    values: { fee: [null, 1.5] },
  },
  {
    name: 'na-told.json',
    content: '[{"fee":"NA"},{"fee":1.5}]',
    text: { nullTexts: ['NA'] },
    values: { fee: [null, 1.5] },
  },
  {
    name: 'some-nan.csv',
    content: lines(
      'v',
      range(100, (i) => [i === 50 ? 'NaN' : i]),
    ),
    refused: /:52, column "v": "NaN".*/,
  },

  // Dates.
  {
    name: 'zones.csv',
    content: 't\n2024-01-01 10:00:00+02:00\n2024-01-01T10:00:00Z\n2024-01-01T10:00:00.5-0330\n',
    values: { t: [1_704_096_000_000_000n, 1_704_103_200_000_000n, 1_704_115_800_500_000n] },
  },
  {
    name: 'nanoseconds.csv',
    content: 't\n2024-01-01 10:00:00.123456789\n2024-01-01 10:00:00\n',
    types: { t: 'timestamp-nanos' },
    values: { t: [1_704_103_200_123_456_789n] },
  },
  {
    name: 'day-first.csv',
    content: 'd\n31/12/2024\n01/02/2024\n',
    types: { d: 'date' },
    values: { d: [20_088, 19_754] },
  },
  {
    name: 'month-first.csv',
    content: 'd\n12/31/2024 1:05 PM\n01/02/2024 11:00 AM\n',
    values: { d: [1_735_650_300_000_000n, 1_704_193_200_000_000n] },
  },
  {
    name: 'either-way.csv',
    content: 'd\n01/02/2024\n03/04/2024\n',
    types: { d: 'string' },
    remarks: { d: /--date-format/ },
  },
  {
    name: 'either-way-told.csv',
    content: 'd\n01/02/2024\n03/04/2024\n',
    text: { dateFormat: '%d/%m/%Y' },
    values: { d: [19_754, 19_816] },
  },
  {
    name: 'sentinel-dates.csv',
    content: 'd\n9999-12-31 23:59:59\n2024-03-01 10:00:00\n',
    values: { d: [253_402_300_799_000_000n] },
  },
  { name: 'no-dates.csv', content: 'd\n2024-02-30\n2024-02-31\n', types: { d: 'string' } },

  // Dates as people write them.
  ...(
    [
      ['year-first', '2024/01/05', '1999/12/31', [19_727, 10_956]],
      ['short-iso', '2024-1-5', '1999-12-31', [19_727, 10_956]],
      ['blanks-around', ' 2024-01-05', '1999-12-31 ', [19_727, 10_956]],
      ['points', '2024.01.05', '1999.12.31', [19_727, 10_956]],
      ['month-names', '05-Jan-2024', '31-DEC-1999', [19_727, 10_956]],
      ['full-month-names', '5 May 2024', '31 December 1999', [19_848, 10_956]],
      ['american', '"Jan 5, 2024"', '"December 31, 1999"', [19_727, 10_956]],
      ['one-digit-hours', '2024-01-05 9:05', '2024-01-05 10:00', [1_704_445_500_000_000n, 1_704_448_800_000_000n]],
      ['end-of-day', '2024-01-05 24:00', '2024-01-05 23:00:00', [1_704_499_200_000_000n, 1_704_495_600_000_000n]],
      ['half-days', '2024-01-05 1:05 PM', '2024/01/05 12:00 am', undefined],
      [
        'half-days-joined',
        '2024-01-05 1:05PM',
        '2024-01-05 12:00 am',
        [1_704_459_900_000_000n, 1_704_412_800_000_000n],
      ],
      ['some-times', '2024/01/05 13:05', '2024/01/05', [1_704_459_900_000_000n, 1_704_412_800_000_000n]],
      ['named-with-times', '5 Jan 2024 13:05:00', '5 Jan 2024', [1_704_459_900_000_000n, 1_704_412_800_000_000n]],
      [
        'zone-behind-minutes',
        '2024-01-05T13:05Z',
        '2024-01-05T00:00+01:00',
        [1_704_459_900_000_000n, 1_704_409_200_000_000n],
      ],
      ['day-first-with-blank', '31/12/2024 10:00', '01/02/2024', [1_735_639_200_000_000n, 1_706_745_600_000_000n]],
    ] as const
  ).map(
    ([name, first, second, values]): Case => ({
      name: `dates-${name}.csv`,
      content: `d,n\n${first},1\n${second},2\n`,
      ...(values === undefined
        ? { types: { d: 'string' }, remarks: { d: /look like dates/ } }
        : { values: { d: values } }),
    }),
  ),
  ...(
    [
      ['two-digit-years', '1/5/24', '2/6/23', '%d/%m/%y', /--date-format %d\/%m\/%y or %m\/%d\/%y/, [19_844, 19_510]],
      ['two-digit-years-certain', '13/5/24', '2/6/23', '%d/%m/%y', /--date-format %d\/%m\/%y$/, [19_856, 19_510]],
      ['oracle', '05-JAN-24', '31-DEC-99', '%d-%b-%y', /--date-format %d-%b-%y$/, [19_727, 10_956]],
      ['compact', '20240105', '19991231', '%Y%m%d', /--date-format %Y%m%d/, [19_727, 10_956]],
      [
        'compact-time',
        '20240105T130500',
        '20240105T000000',
        '%Y%m%dT%H%M%S',
        /--date-format %Y%m%dT%H%M%S$/,
        [1_704_459_900_000_000n],
      ],
      [
        'either-way-with-times',
        '01/02/2024 10:00',
        '03/04/2024 11:00',
        '%d/%m/%Y %H:%M',
        /--date-format '%d\/%m\/%Y %H:%M' or/,
        [1_706_781_600_000_000n],
      ],
      [
        'weekdays',
        '"Fri, 05 Jan 2024"',
        '"Sat, 06 Jan 2024"',
        '%a, %d %b %Y',
        /--date-format '%a, %d %b %Y'/,
        [19_727, 19_728],
      ],
    ] as const
  ).flatMap(([name, first, second, dateFormat, remark, values]): Case[] => {
    const content = `d,n\n${first},1\n${second},2\n`
    return [
      { name: `${name}-untold.csv`, content, remarks: { d: remark } },
      { name: `${name}-told.csv`, content, text: { dateFormat }, values: { d: values } },
    ]
  }),
  {
    name: 'not-compact.csv',
    content: 'd,n\n20240105,1\n20241305,2\n',
    types: { d: 'long' },
  },
  {
    name: 'short-compact-told.csv',
    content: lines('d,n', [...range(20, (i) => [20_240_101 + i, i]), ['2024105', 1]]),
    text: { dateFormat: '%Y%m%d' },
    refused: /:22, column "d": "2024105" is not a date of the form %Y%m%d/,
  },
  {
    name: 'year-24-told.csv',
    content: lines('d,n', [...range(20, (i) => [`${10 + i}/01/2024`, i]), ['13/01/24', 1]]),
    text: { dateFormat: '%d/%m/%Y' },
    refused: /:22, column "d": "13\/01\/24"/,
  },
  {
    name: 'mistyped-date.csv',
    content: lines('d,n', [...range(20, (i) => [`2024-01-${10 + i}`, i]), ['2024-02-30', 1]]),
    refused: /:22, column "d": "2024-02-30" is not a date.*--types d:VARCHAR/,
  },
  {
    name: 'mistyped-time.csv',
    content: lines('d,n', [...range(20, (i) => [`2024-01-${10 + i} 10:00:00`, i]), ['unknown', 1]]),
    refused: /:22, column "d": "unknown" is not a time/,
  },
  {
    name: 'mistyped-day-first.csv',
    content: lines('d,n', [...range(20, (i) => [`${10 + i}/01/2024`, i]), ['x', 1]]),
    refused: /:22, column "d": "x" is not a date of the form %d\/%m\/%Y/,
  },
  {
    name: 'mistyped-either-way.csv',
    content: lines('d,n', [...range(20, () => ['01/02/2024', 1]), ['x', 1]]),
    types: { d: 'string' },
    remarks: { d: /--date-format %d\/%m\/%Y or %m\/%d\/%Y, and name the text/ },
  },
  {
    name: 'late-mistyped-date.csv',
    content: lines('d,n', [...range(manyRows, (i) => [`05-Jan-${2000 + (i % 20)}`, i]), ['5-Jun', 1]]),
    refused: /:20602, column "d": "5-Jun"/,
  },
  {
    name: 'dates-among-texts.csv',
    content: lines(
      'd,n',
      range(20, (i) => [i % 4 === 0 ? 'open' : `2024-01-${10 + i}`, i]),
    ),
    types: { d: 'string' },
    remarks: { d: /15 of its 20 values are dates.*"open": --null open/ },
  },
  {
    name: 'versions-of-programs.csv',
    content: 'v,n\n1.2.3,1\n192.168.0.1,2\n',
    types: { v: 'string' },
  },
  { name: 'name-above-named-dates.csv', content: 'd\n05-Jan-2024\n06-Jan-2024\n', values: { d: [19_727, 19_728] } },

  {
    name: 'measured.csv',
    content: 'a,b,c\n5 km/h,20°C,US$5\n7 km/h,-3 °C,US$6\n',
    remarks: { a: /--units km\/h$/, b: /--units '°C'$/, c: /--units 'US\$'$/ },
  },
  {
    name: 'measured-told.csv',
    content: 'a,b,c\n5 km/h,20°C,US$5\n7 km/h,-3 °C,US$6\n',
    text: { numbers: { decimalMark: '.', units: ['km/h', '°C', '$', 'US$'] } },
    values: { a: [5n, 7n], b: [20n, -3n], c: [5n, 6n] },
    doubts: /^$/,
  },
  { name: 'numbered.csv', content: 'a,b\nA12,1\nB13,2\n', types: { a: 'string' } },
  {
    name: 'mail-dates.csv',
    content: 'd,n\n"Fri, 05 Jan 2024 10:00:00 GMT",1\n',
    remarks: { d: /--date-format '%a, %d %b %Y %H:%M:%S GMT'$/ },
  },
  {
    name: 'mail-dates-told.csv',
    content: 'd,n\n"Fri, 05 Jan 2024 10:00:00 GMT",1\n',
    text: { dateFormat: '%a, %d %b %Y %H:%M:%S GMT' },
    values: { d: [1_704_448_800_000_000n] },
  },

  // Flags that change nothing, and advice that does not repeat them.
  {
    name: 'unused-flags.csv',
    content: 'a,s\n1,x\n2,y\n',
    text: {
      nullTexts: ['NA', '-'],
      dateFormat: '%d/%m/%y',
      numbers: { decimalMark: ',', thousands: '.', units: ['km'] },
    },
    doubts:
      /--decimal-mark , .*--thousands \. .*--units km .*--date-format %d\/%m\/%y .*--null NA .*--null - has no effect/,
  },
  {
    name: 'unused-null.json',
    content: '[{"a":1,"s":"x"}]',
    text: { nullTexts: ['NA'] },
    doubts: /^--null NA has no effect/,
  },
  {
    name: 'used-flags.csv',
    content: 'a;s\n1.000,5;13/01/24\nNA;14/01/24\n5 km;\n',
    text: { nullTexts: ['NA'], dateFormat: '%d/%m/%y', numbers: { decimalMark: ',', thousands: '.', units: ['km'] } },
    values: { a: [1000.5, null, 5], s: [19_735, 19_736, null] },
  },
  {
    name: 'other-thousands.csv',
    content: 'a;b\n1.000,5;"1,000.5"\n2.000,5;"2,000.5"\n',
    text: { numbers: { decimalMark: ',', thousands: '.' } },
    values: { a: [1000.5, 2000.5] },
    remarks: { b: /commas between thousands, as --decimal-mark , --thousands \. does not read them: write/ },
  },
  {
    name: 'few-thousands.csv',
    content: `a;s\n${'12,5;x\n'.repeat(40)}1.000,5;x\n`,
    remarks: { a: /a decimal comma and points between thousands: add --decimal-mark , --thousands \.$/ },
  },
  {
    name: 'few-thousands-not-told.csv',
    content: `a;s\n${'12,5;x\n'.repeat(40)}1.000,5;x\n`,
    text: { numbers: { decimalMark: ',' } },
    refused: /:42, column "a": "1\.000,5" is not a number that a double holds\. Add --thousands \. if/,
  },
  {
    name: 'point-with-comma-told.csv',
    content: 'a;b\n1,5;1.5\n2,5;2.5\n',
    text: { numbers: { decimalMark: ',' } },
    remarks: { b: /with a decimal point, as --decimal-mark , does not read/ },
  },
  {
    name: 'thousands-with-comma-told.csv',
    content: 'a;b\n1,5;1.000,5\n2,5;2.000,5\n',
    text: { numbers: { decimalMark: ',' } },
    remarks: { b: /add --thousands \.$/ },
  },
  {
    name: 'other-dates.csv',
    content: 'a,b\n13/01/2024,1/2/24\n14/01/2024,2/3/24\n',
    text: { dateFormat: '%d/%m/%Y' },
    values: { a: [19_735, 19_736] },
    remarks: { b: /dates of another form than --date-format %d\/%m\/%Y, as "1\/2\/24"/ },
  },
  {
    name: 'certain-beside-told.csv',
    content: 'a,b\n13/01/24,5 Jan 2024\n14/01/24,6 Jan 2024\n',
    text: { dateFormat: '%d/%m/%y' },
    values: { a: [19_735, 19_736], b: [19_727, 19_728] },
  },
  {
    name: 'decimal-commas.json',
    content: '[{"v":"1,5"},{"v":"2,5"}]',
    remarks: { v: /add --decimal-mark , --types v:DOUBLE$/ },
  },
  {
    name: 'decimal-commas-told.json',
    content: '[{"v":"1,5"},{"v":"2,5"}]',
    text: { numbers: { decimalMark: ',' }, types: { v: 'DOUBLE' } },
    values: { v: [1.5, 2.5] },
  },

  // Marks, signs and blanks that are not ASCII's.
  ...['\u00a0', '\u202f', '\u2009', ' '].flatMap((blank): Case[] => [
    {
      name: `blank-${blank.codePointAt(0)}.csv`,
      content: `v;w\n1${blank}234,5;12${blank}€\n-2${blank}345${blank}678,5;-3${blank}€\n`,
      text: { numbers: { decimalMark: ',', thousands: ' ', units: ['€'] } },
      values: { v: [1234.5, -2345678.5], w: [12n, -3n] },
    },
    {
      name: `blank-${blank.codePointAt(0)}-untold.csv`,
      content: `v;w\n1${blank}234,5;12${blank}€\n-2${blank}345${blank}678,5;-3${blank}€\n`,
      remarks: { v: /--decimal-mark , --thousands ' '$/, w: /--units '€'$/ },
    },
  ]),
  {
    name: 'printed-apostrophes.csv',
    content: "v;n\n1\u2019234.5;1\n2'345;2\n",
    text: { numbers: { decimalMark: '.', thousands: "'" } },
    values: { v: [1234.5, 2345] },
  },
  {
    name: 'printed-minus.csv',
    content: 'v,w,n\n\u22121.5,\u22125,1\n-2,6,2\n3,-7,3\n',
    values: { v: [-1.5, -2, 3], w: [-5n, 6n, -7n] },
  },
  {
    name: 'late-printed-minus.csv',
    content: lines('v,n', [...range(manyRows, (i) => [i, i]), ['\u22127', 1]]),
    types: { v: 'long' },
    last: { v: -7n },
  },
  {
    name: 'sign-before-unit.csv',
    content: 'v,n\n-$ 5,1\nUS$ 7,2\n',
    text: { numbers: { decimalMark: '.', units: ['$', 'US$'] } },
    values: { v: [-5n, 7n] },
  },
  ...['(', '\u2212', 'e', 'E'].map(
    (unit): Case => ({
      name: `unit-${unit.codePointAt(0)}.csv`,
      content: 'v\n1\n',
      text: { numbers: { decimalMark: '.', units: [unit] } },
      refused: /is no unit/,
    }),
  ),
  {
    name: 'bookkept.csv',
    content: 'v,w\n(1.50),1.50-\n2.50,2.50\n',
    remarks: { v: /change them in the file/, w: /change them in the file/ },
  },
  {
    name: 'blank-cells.csv',
    content: lines('v,n', [...range(20, (i) => [i, i]), [' ', 1]]),
    refused: /:22, column "v": " " is not a whole number.*Add --null ' ' if blanks mean null/,
  },
  {
    name: 'blank-cells-beside-na.csv',
    content: lines('v,n', [...range(20, (i) => [i, i]), ['NA', 1], ['  ', 1]]),
    text: { nullTexts: ['NA'] },
    refused: /:23, column "v": " {2}".*Add --null 'NA, {2}' if/,
  },
  {
    name: 'many-blank-cells.csv',
    content: lines(
      'v,n',
      range(20, (i) => [i % 4 === 0 ? ' ' : i, i]),
    ),
    remarks: { v: /--null ' ' takes/ },
  },
  {
    name: 'dashes-for-null.csv',
    content: lines(
      'v,n',
      range(20, (i) => [i % 4 === 0 ? '--' : i, i]),
    ),
    remarks: { v: /--null=-- takes/ },
  },

  // What is no table, or another kind of file.
  ...Object.entries({
    'book.xlsx': /it is a spreadsheet.*Save the sheet as CSV/,
    'book.xls': /it is a spreadsheet/,
    'data.zip': /it is a ZIP archive.*Unpack it/,
    'data.csv.bz2': /bzip2.*Unpack it first/,
    'data.7z': /it is an archive/,
    'data.tar.gz': /it is an archive/,
    'data.feather': /Feather.*Write it as Parquet/,
    'data.orc': /ORC/,
    'survey.sav': /statistics program.*Export it as CSV/,
    'rows.avro': /Avro container/,
    'rows.dat': /Name its format \(--format csv/,
    rows: /Name its format \(--format csv/,
  }).map(([name, refused]): Case => ({ name, content: 'a,b\n1,2\n', refused })),
  ...(
    [
      ['zip', 'PK\u0003\u0004', /ZIP archive/],
      ['xls', Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]), /spreadsheet/],
      ['7z', Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]), /archive/],
      ['feather', 'ARROW1\0\0', /Feather/],
      ['orc', 'ORC\n', /ORC/],
      ['tar', Buffer.from(`${'a'.repeat(257)}ustar`), /archive/],
      ['sav', '$FL2@(#) SPSS', /statistics/],
    ] as const
  ).flatMap(([kind, content, refused]): Case[] => [
    { name: `renamed-${kind}.csv`, content: Buffer.from(content), refused },
    { name: `renamed-${kind}.parquet`, content: Buffer.from(content), refused },
  ]),
  { name: 'text.parquet', content: 'a,b\n1,2\n', refused: /not those of a Parquet file.*--format csv/ },

  // Lines that are no rows, and rows that are too long or too short.
  { name: 'quoted-sep.csv', content: '"sep=;"\r\na;b\r\n1;2\r\n', values: { a: [1n], b: [2n] } },
  {
    name: 'quoted-sep-marked.csv',
    content: '\ufeff"sep=;"\r\na;b\r\n1;2\r\n3;x"y\r\n',
    values: { a: [1n, 3n], b: ['2', 'x"y'] },
  },
  { name: 'sep-marked.csv', content: '\ufeffsep=;\r\na;b\r\n1;2\r\n', values: { a: [1n], b: [2n] } },
  ...['\n', '\r\n', '\r'].map(
    (end): Case => ({
      name: `quoted-titles-${end.length}${end.charCodeAt(0)}.csv`,
      content: ['"Report,', 'of "March', '5" long"', 'a,b', '1,2', '3,4'].join(end),
      text: { skipLines: 3 },
      values: { a: [1n, 3n], b: [2n, 4n] },
    }),
  ),
  {
    name: 'quoted-titles-bad.csv',
    content: `"Report\nof March\na,b\n${range(20, (i) => `${i},"${i}"\n`).join('')}x,"1"\n`,
    text: { skipLines: 2 },
    refused: /:24, column "a": "x"/,
  },
  {
    name: 'titles-untold.csv',
    content: 'Report\nof March\n\na,b\n1,2\n3,4\n',
    refused:
      /:4: the row has 2 values, the first line has 1.*Try --skip-lines 3: then the lines from line 4 on have 2 values/,
  },
  { name: 'comments.csv', content: '# made by x, y and z\n# 2024\na;b\n1;2\n3;4\n', refused: /--skip-lines 2/ },
  {
    name: 'other-delimiter.csv',
    content: 'a,b;c\n1;2\n3;4\n',
    text: { delimiter: ',' },
    refused: /the row has 1 value, the first line has 2.*Try --delimiter ';'/,
  },
  // A few bad lines among good ones are named themselves, by whatever character they could be cut.
  ...['2024-01-01 10:00:00,1,,2', '2024-01-01 10:00:00,1', '2024-01-01 10:00:00;1;2'].map((line, i) => ({
    name: `stray-${i}.csv`,
    content: `at,a,b\n${range(30, (n) => `2024-01-01 10:00:${10 + n},${n},2\n`).join('')}${line}\n`,
    refused: /:32: the row has \d values?, the first line has 3\. Correct the row, or collect .*--bad-rows FILE$/,
  })),
  {
    name: 'stray-decimal.csv',
    content: `a;b\n${range(30, (n) => `${n},5;${n},25\n`).join('')}1,5\n`,
    refused: /:32: the row has 1 value, the first line has 2\. Correct the row, or collect .*--bad-rows FILE$/,
  },
  // Another delimiter that does not fit every line is no better.
  {
    name: 'no-delimiter.csv',
    content: `at,a\n${range(9, (n) => `2024-01-01 10:00;${n}\n`).join('')}2024-01-01,1\n`,
    text: { delimiter: ',' },
    refused: /:2: the row has 1 value, the first line has 2\. Correct the row, or collect .*--bad-rows FILE$/,
  },
  {
    name: 'write-table.csv',
    content: '"a","b"\n"1",1.5,"x"\n"2",2.5,"y"\n',
    refused: /:2: the row has 3 values, the first line has 2.*as R writes it.*line 1.*col\.names = NA/,
  },
  {
    name: 'write-table-of-one.csv',
    content: '"a"\n"1",5\n"2",7\n',
    refused: /:2: the row has 2 values, the first line has 1.*as R writes it/,
  },
  {
    name: 'title-above-two.csv',
    content: 'Report 2024\nid,v\n1,2\n3,4\n',
    refused: /:2: the row has 2 values, the first line has 1\. Try --skip-lines 1: then the lines from line 2 on/,
  },
  {
    name: 'decimal-commas-alone.csv',
    content: 'preis\n1,5\n-2,25\n',
    refused: /:2: .* If the commas are decimal marks, add --delimiter ';' --decimal-mark ,$/,
  },
  { name: 'trailing-delimiters.csv', content: 'a,b\n1,2,\n3,4\n', values: { a: [1n, 3n], b: [2n, 4n] } },
  {
    name: 'too-long-row.csv',
    content: `a,b\n1,x\n2,${'x'.repeat(17_000_000)}\n`,
    refused: /:3: the row has more than 16,000,000 bytes/,
  },

  // Other quotes.
  {
    name: 'single-quotes.csv',
    content: "a,b\r\n'x,''y','two\r\nlines'\r\n\"z\",2\r\n",
    text: { quote: "'" },
    values: { a: ["x,'y", '"z"'], b: ['two\r\nlines', '2'] },
  },
  {
    name: 'single-quotes-mixed-ends.csv',
    content: "a,b\n'x,y',1\r\n'z\nw',2\n",
    text: { quote: "'" },
    values: { a: ['x,y', 'z\nw'], b: [1n, 2n] },
  },
  {
    name: 'no-quotes.tsv',
    content: 'a\tb\n"x\t1\ny"\t2\n"\t3\n',
    text: { quote: '' },
    values: { a: ['"x', 'y"', '"'], b: [1n, 2n, 3n] },
  },
  {
    name: 'backslashes.csv',
    content: 'a,b\n"x",1\n"say \\"hi\\"",2\n',
    refused: /:3: a quote is not closed.*doubled quotes: a quote after a backslash is not supported/,
  },

  // Flags of another format.
  {
    name: 'csv-flags.json',
    content: '[{"a":1}]',
    text: { delimiter: ';', header: true },
    doubts: /^--delimiter, --header: this has no effect on a json file/,
  },

  // Named types change no value.
  {
    name: 'named-whole.csv',
    content: 'v\n1\n2.5\n',
    text: { types: { v: 'BIGINT' } },
    refused: /:3, column "v": "2\.5" is not a value of BIGINT/,
  },
  {
    name: 'named-decimal.csv',
    content: 'v\n1.25\n2.555\n',
    text: { types: { v: 'decimal(10,2)' } },
    refused: /:3, column "v": "2\.555"/,
  },
  {
    name: 'named-small.csv',
    content: 'v\n1\n300\n',
    text: { types: { v: 'TINYINT' } },
    refused: /:3, column "v": "300"/,
  },
  {
    name: 'named-zip.csv',
    content: 'zip\n02134\n10001\n',
    text: { types: { zip: 'BIGINT' } },
    values: { zip: [2134n, 10001n] },
  },
  {
    name: 'named-nan.csv',
    content: 'v\n1.5\nNaN\n',
    text: { types: { v: 'DOUBLE' } },
    values: { v: [1.5, Number.NaN] },
  },
  {
    name: 'named-nothing.csv',
    content: 'v\n1\n',
    text: { types: { v: 'NUMBERS' } },
    refused: /DuckDB knows no type NUMBERS/,
  },

  // Encodings.
  {
    name: 'utf16be.csv',
    content: Buffer.from('\ufeffa,b\n1,2.5\n', 'utf16le').swap16(),
    text: { encoding: 'utf-16' },
    values: { a: [1n], b: [2.5] },
  },
  {
    name: 'utf16-no-mark.csv',
    content: Buffer.from('a,b\n1,2.5\n', 'utf16le'),
    text: { encoding: 'utf-16' },
    values: { a: [1n], b: [2.5] },
  },
  {
    name: 'utf16-untold.csv',
    content: Buffer.from('a,b\n1,2.5\n', 'utf16le'),
    refused: /--encoding utf-16|every second byte is zero/,
  },
  {
    name: 'cp1252.csv',
    content: Buffer.from([
      ...Buffer.from('name,v\nCaf'),
      0xe9,
      0x20,
      0x93,
      0x58,
      0x94,
      0x20,
      0x80,
      ...Buffer.from(',1\nb,2\n'),
    ]),
    text: { encoding: 'windows-1252' },
    values: { name: ['Café “X” €', 'b'] },
  },
  {
    name: 'cp1252-untold.csv',
    content: Buffer.from('name,v\nb,1\nCaf\xe9,2\n', 'latin1'),
    refused: /:3: the text is not UTF-8/,
  },
  {
    name: 'shift-jis.csv',
    content: Buffer.from([...Buffer.from('n,v\n'), 0x93, 0xfa, 0x96, 0x7b, ...Buffer.from(',1\n')]),
    text: { encoding: 'shift_jis' },
    values: { n: ['日本'] },
  },
  {
    name: 'not-in-encoding.csv',
    content: Buffer.from([...Buffer.from('n,v\na,1\n'), 0xff, ...Buffer.from(',1\n')]),
    text: { encoding: 'shift_jis' },
    refused: /:3: the text is not shift_jis/,
  },
  ...['TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMPTZ', 'TIME'].map(
    (type): Case => ({
      name: `${type}.csv`,
      content: 'v\n10:00:00.1234567\n'.replace('10', type === 'TIME' ? '10' : '2024-12-31 10'),
      text: { types: { v: type } },
      refused: /\.csv:2, column "v": ".*10:00:00\.1234567" is not a value of TIME/,
    }),
  ),
  {
    name: 'no-such-encoding.csv',
    content: 'a\n1\n',
    text: { encoding: 'klingon' },
    refused: /There is no encoding "klingon"/,
  },
  { name: 'zero-byte.csv', content: 'a,b\n1,x\n2,y\u0000\n', refused: /line 3 has a zero byte/ },
]

async function loadCase(t: TestContext, { name, content, text }: Case): Promise<LoadedRows> {
  return loadedRows(temporaryFile(t, name, content), text === undefined ? {} : { text })
}

/** What has loaded a file and what audits the load share no arithmetic: each value must be the same to both. */
async function auditCase(t: TestContext, { name, text }: Case, { table, rows }: LoadedRows): Promise<void> {
  const cells = await openFileCells({ file: table.file, dataset: 'rows', ...(text !== undefined && { text }) })
  t.after(() => cells.close())
  const style = await cellStyle(cells, text)
  const readers = table.columns.map(({ column, type: { avro, logicalType } }) =>
    cellReader(column, { type: avro, logicalType }, style),
  )
  let at = 0
  for await (const some of cells.rows()) {
    for (const { cells } of some) {
      for (const [c, cell] of cells.entries()) {
        const audited = cell === null ? null : readers[c]?.(cell)
        const loaded = rows[at][table.columns[c].field]
        if (isSameValue(loaded, audited)) continue
        deepEqual(audited, loaded, `${name}, row ${at}, column ${table.columns[c].column}`)
      }
      at++
    }
  }
  equal(at, rows.length)
}

suite('reading files of many forms', () => {
  for (const one of cases) {
    test(`${one.name} is ${one.refused === undefined ? 'read right' : 'refused'}`, async (t) => {
      if (one.refused !== undefined) {
        await rejects(loadCase(t, one), (error: Error & { fix?: string }) => {
          match(`${error.message}. ${error.fix}`, one.refused as RegExp)
          return true
        })
        return
      }
      const { table, rows } = await loadCase(t, one)
      if (table.format !== 'parquet') await auditCase(t, one, { table, rows })
      const columns = new Map(table.columns.map((column) => [column.field, column]))
      for (const [field, avro] of Object.entries(one.types ?? {})) {
        const type = columns.get(field)?.type
        equal(type?.logicalType ?? type?.avro, avro, field)
      }
      for (const [field, values] of Object.entries(one.values ?? {})) {
        deepEqual(
          rows.slice(0, values.length).map((row) => row[field]),
          values,
          field,
        )
      }
      for (const [field, value] of Object.entries(one.last ?? {})) equal(rows.at(-1)?.[field], value)
      if (one.rows !== undefined) equal(rows.length, one.rows)
      for (const [field, remark] of Object.entries(one.remarks ?? {})) match(columns.get(field)?.remark ?? '', remark)
      if (one.doubts !== undefined) match(table.doubts.join(' '), one.doubts)
      else
        equal(
          table.doubts.length,
          table.columns.every(({ type }) => type.avro === 'string') && one.text?.header === undefined
            ? table.doubts.length
            : 0,
        )
    })
  }

  test('a name with signs of a pattern is a name, and a folder called year=2020 gives no column', async (t) => {
    const folder = temporaryFolder(t)
    mkdirSync(join(folder, 'year=2020'))
    for (const [name, value] of [
      ['data1.csv', 9],
      ['data[1].csv', 1],
      ['a*b?.csv', 2],
      ['year=2020/part.csv', 3],
    ] as const) {
      writeFileSync(join(folder, name), `v\n${value}\n`)
    }
    for (const [name, value] of [
      ['data[1].csv', 1n],
      ['a*b?.csv', 2n],
      ['year=2020/part.csv', 3n],
    ] as const) {
      deepEqual((await loadedRows(join(folder, name))).rows, [{ v: value }], name)
    }
  })

  test('a time without a zone counts as UTC, wherever the machine is', async (t) => {
    const zone = process.env.TZ
    process.env.TZ = 'America/New_York'
    t.after(() => {
      if (zone === undefined) delete process.env.TZ
      else process.env.TZ = zone
    })
    const file = temporaryFile(t, 'times.csv', 'a,b\n2024-12-31 10:00:00,2024-12-31 10:00:00+02\n')
    const types = { a: 'TIMESTAMPTZ', b: 'TIMESTAMPTZ' }
    const { rows } = await loadedRows(file, { text: { types } })
    const noon = BigInt(Date.UTC(2024, 11, 31, 12)) * 1000n
    deepEqual(rows, [{ a: noon - 7_200_000_000n, b: noon - 14_400_000_000n }])
  })

  test('Parquet: decimals that nobody can read are refused, and a column may be called file_row_number', async (t) => {
    const long = join(import.meta.dirname, '../../fixtures/files/decimal-39.parquet')
    await rejects(loadedRows(long), { code: 'VGM_FILE_COLUMN', message: /"v".*39 digits/, fix: /--columns n/ })
    deepEqual((await loadedRows(long, { columns: ['n'] })).rows, [{ n: 1n }, { n: 2n }])
    const file = join(temporaryFolder(t), 'rows[1].parquet')
    const database = await openDatabase()
    t.after(() => database.close())
    const written = join(temporaryFolder(t), 'rows.parquet')
    await database.connection.run(
      `COPY (SELECT i + 0.5::DOUBLE AS file_row_number FROM range(5000) t(i)) TO '${written}'`,
    )
    copyFileSync(written, file)
    const { rows } = await loadedRows(file)
    deepEqual([rows.length, rows[4999]], [5000, { file_row_number: 4999.5 }])
  })

  test('a row of 3 MB is read, which is more than DuckDB takes by itself', async (t) => {
    const { openTableFile } = await import('../../../src/files/reading/table-file.ts')
    const file = temporaryFile(t, 'long-row.csv', `a,b\n1,${'x'.repeat(3_000_000)}\n2,y\n`)
    const table = await openTableFile({ file, dataset: 'rows' })
    t.after(() => table.close())
    equal(table.rowCount, 2)
  })

  test('Parquet: names that differ in case only, flags of text, and numbers beyond a long', async (t) => {
    const database = await openDatabase()
    t.after(() => database.close())
    const file = join(import.meta.dirname, '../../fixtures/files/case-of-names.parquet')
    const { table, rows } = await loadedRows(file, { text: { nullTexts: ['NA'], header: true } })
    deepEqual(rows, [
      { a: 1n, A: 3n, A_1: 5n },
      { a: 2n, A: null, A_1: 6n },
    ])
    deepEqual(table.doubts, ['--header, --null: this has no effect on a parquet file.'])
    deepEqual((await loadedRows(file, { columns: ['A'] })).rows, [{ A: 3n }, { A: null }])
    const cells = await openFileCells({ file, dataset: 'rows' })
    t.after(() => cells.close())
    const audited: unknown[] = []
    for await (const some of cells.rows()) audited.push(...some.map(({ cells }) => cells))
    deepEqual(audited, [
      ['1', '3', '5'],
      ['2', null, '6'],
    ])
    const large = join(temporaryFolder(t), 'large.parquet')
    await database.connection.run(`COPY (SELECT 18446744073709551615::UBIGINT AS u) TO '${large}'`)
    await rejects(loadedRows(large), {
      code: 'VGM_FILE_BAD_ROW',
      message: /column "u": 18446744073709551615 is beyond 2\^63 - 1/,
    })
  })

  test('Parquet: decimals that no double holds stay exact, and cut nanoseconds are told', async (t) => {
    const file = join(temporaryFolder(t), 'decimals.parquet')
    const database = await openDatabase()
    t.after(() => database.close())
    await database.connection.run(
      'COPY (SELECT 12345678901234567890::DECIMAL(20,0) AS id, 7::DECIMAL(10,0) AS whole, ' +
        `12.5::DECIMAL(38,2) AS price, '0.12345678901234567890'::DECIMAL(38,20) AS fine) TO '${file}'`,
    )
    const { table, rows } = await loadedRows(file)
    deepEqual(rows, [{ id: '12345678901234567890', whole: 7n, price: 12.5, fine: '0.12345678901234567890' }])
    match(table.columns[0].remark ?? '', /no double holds all of its values/)
  })

  test('bad rows of every kind go to their file, in its order, and the others are loaded', async (t) => {
    const folder = temporaryFolder(t)
    const content = `a,b\n${range(100, (i) => `${i},${i}.5`).join('\n')}\nx,1\n1,2,3\n2,"u\nv"\n3,4\n5\n6,nan\n`
    const file = temporaryFile(t, 'rows.csv', content)
    const { openTableFile } = await import('../../../src/files/reading/table-file.ts')
    const table = await openTableFile({ file, dataset: 'rows', collectBadRows: true })
    t.after(() => table.close())
    deepEqual([table.rowCount, table.columns.map(({ sqlType }) => sqlType)], [101, ['BIGINT', 'DOUBLE']])
    const bad = join(folder, 'bad.csv')
    equal(await table.writeRejected(bad), 5)
    const text = readFileSync(bad, 'utf8')
    match(
      text,
      /^line,column,problem,row\n102,a,"""x"" is not a whole number","x,1"\n103,,.*\n104,b,.*u\nv.*\n107,,.*\n108,b,.*nan.*\n$/s,
    )
    ok(text.includes('"2,""u\nv"""'))
  })

  for (const [what, content, problem] of [
    ['a row larger than the buffer', `a,b\n1,x\n2,${'y'.repeat(33_000_000)}\n3,z\n`, 'the row has more than'],
    [
      'a quote that is open for long',
      `a,b\n1,x\n2,"y\n${'3,text of a row\n'.repeat(4_000_000)}`,
      'a quote is not closed',
    ],
    ['text behind a closing quote', 'a,b\n1,x\n2,"y"z\n3,z\n', 'text follows a closing quote'],
  ] as const) {
    test(`${what}: no row is lost or loaded twice with bad rows, for the file is refused`, async (t) => {
      const { openTableFile } = await import('../../../src/files/reading/table-file.ts')
      const file = temporaryFile(t, 'rows.csv', content)
      await rejects(openTableFile({ file, dataset: 'rows', collectBadRows: true }), {
        code: 'VGM_FILE_BAD_ROW',
        line: 3,
        message: new RegExp(problem),
      })
    })
  }

  test('takes the types of the topic where the values fit, and the widest of several files', async (t) => {
    const { topicRecord, recordSchema } = await import('../../../src/files/reading/record-schema.ts')
    const { widestColumns } = await import('../../../src/files/reading/widest-columns.ts')
    const first = await loadedRows(temporaryFile(t, 'june.csv', 'id,fee,note\n1,1.5,x\n2,2.5,7\n'))
    const topic = topicRecord(first.table.schema)
    const july = temporaryFile(t, 'july.csv', 'id,fee,note\n3,4,5\n4,5,6\n')
    const next = await loadedRows(july, { topicRecord: topic })
    equal(next.table.schema, first.table.schema)
    deepEqual(next.rows, [
      { id: 3n, fee: 4, note: '5' },
      { id: 4n, fee: 5, note: '6' },
    ])
    const alone = await loadedRows(july)
    const fields = (files: LoadedRows[]) =>
      JSON.parse(recordSchema('rows', widestColumns(files.map(({ table }) => table.columns)))).fields
    deepEqual(fields([alone, first]), JSON.parse(first.table.schema).fields)
    // What does not fit has a type of its own: no value is bent to the topic's.
    const august: Partial<TableFileOptions> = { topicRecord: topic }
    const wider = await loadedRows(temporaryFile(t, 'august.csv', 'id,fee,note\n1.5,9007199254740993,z\n'), august)
    deepEqual(
      wider.table.columns.map(({ sqlType }) => sqlType),
      ['DOUBLE', 'BIGINT', 'VARCHAR'],
    )
  })
})
