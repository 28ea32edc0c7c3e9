import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { AmbiguousFieldError, incompatibilities } from '../../../src/embedded/registry/compatibility.ts'
import { parseAvroSchema } from '../../../src/rows/avro-schema.ts'

/** Made with Apache Avro itself, see AvroReference.java beside it. */
const folder = join(import.meta.dirname, '../../fixtures/avro')
const { pairs: families } = JSON.parse(readFileSync(join(folder, 'schemas.json'), 'utf8')) as {
  pairs: Record<string, object[]>
}
const { pairs: expected } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
  pairs: Record<string, string[][][][]>
}

function found(reader: object, writer: object): string[][] {
  try {
    return incompatibilities(parseAvroSchema(reader), parseAvroSchema(writer)).map(({ kind, place, message }) => [
      kind,
      place,
      message,
    ])
  } catch (error) {
    if (error instanceof AmbiguousFieldError) return [['EXCEPTION']]
    throw error
  }
}

describe('the compatibility of two schemas', () => {
  for (const [family, schemas] of Object.entries(families)) {
    test(`is what Apache Avro finds: ${family}`, () => {
      schemas.forEach((reader, row) => {
        schemas.forEach((writer, column) => {
          const wanted = expected[family][row][column].map((one) => (one[0] === 'EXCEPTION' ? one.slice(0, 1) : one))
          deepEqual(found(reader, writer), wanted, `${JSON.stringify(reader)} reads ${JSON.stringify(writer)}`)
        })
      })
    })
  }

  test('is compared in hundreds of pairs, many of which fit and many of which do not', () => {
    const results = Object.values(expected).flat(2)
    const fitting = results.filter((one) => one.length === 0).length
    equal(fitting > 150 && results.length - fitting > 150, true)
  })
})
