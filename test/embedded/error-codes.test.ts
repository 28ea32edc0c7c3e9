import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { protocolErrors } from '@platformatic/kafka'
import { errorCodes } from '../../src/embedded/error-codes.ts'

test('error codes are those that the client knows by the same names', () => {
  const known = Object.keys(errorCodes).map((name) => [name, protocolErrors[name]?.code])
  deepEqual(errorCodes, Object.fromEntries(known))
})
