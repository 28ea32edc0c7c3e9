import { deepEqual, ok } from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compatibilityLevels } from '../../../src/embedded/registry/compatibility-level.ts'
import type { RegistryEntry } from '../../../src/embedded/registry/registry-entry.ts'
import { RegistryRequestError } from '../../../src/embedded/registry/registry-request-error.ts'
import { RegistryState } from '../../../src/embedded/registry/registry-state.ts'
import { row } from './test-registry.ts'

type Call = (state: RegistryState) => unknown

const subject = fc.constantFrom('a', 'b', 'c')
const version = fc.constantFrom(-1, 1, 2, 3)
const rows = [row('x'), row('x', 'y?'), row('y'), row('x?')]
const holder = { type: 'record', name: 'Holder', fields: [{ name: 'row', type: 'Row' }] }
const request = fc.oneof(
  fc.constantFrom(...rows).map((schema) => ({ schema: JSON.stringify(schema), references: [] })),
  fc.tuple(subject, version).map(([name, number]) => ({
    schema: JSON.stringify(holder),
    references: [{ name: 'Row', subject: name, version: number }],
  })),
)
const register = fc.tuple(subject, request).map(
  ([name, schema]): Call =>
    (state) =>
      state.register(name, { ...schema, isNormalized: false }),
)
const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 8, arbitrary: register },
  fc.tuple(subject, version, fc.boolean()).map(
    ([name, number, isPermanent]): Call =>
      (state) =>
        state.deleteVersion(name, number, isPermanent),
  ),
  fc.tuple(subject, fc.boolean()).map(
    ([name, isPermanent]): Call =>
      (state) =>
        state.deleteSubject(name, isPermanent),
  ),
  fc.tuple(fc.option(subject), fc.option(fc.constantFrom(...compatibilityLevels), { nil: undefined })).map(
    ([scope, level]): Call =>
      (state) =>
        state.setLevel(scope, level),
  ),
  fc.tuple(fc.option(subject), fc.option(fc.constant('READONLY'), { nil: undefined })).map(
    ([scope, mode]): Call =>
      (state) =>
        state.setMode(scope, mode),
  ),
)

const calls = fc.array(call, { minLength: 20, maxLength: 60 })

function contents(state: RegistryState) {
  const scopes = [null, 'a', 'b', 'c']
  return {
    subjects: state.subjects('included').map((name) => state.versions(name, 'included')),
    settings: scopes.map((scope) => [state.level(scope), state.mode(scope)]),
  }
}

/** @returns whether the call was not refused */
function made(state: RegistryState, work: Call): boolean {
  try {
    work(state)
    return true
  } catch (error) {
    if (error instanceof RegistryRequestError) return false
    throw error
  }
}

describe("a registry's state, whatever is asked of it,", () => {
  test('is made again by the entries of its journal, and is left alone by what is refused', () => {
    fc.assert(
      fc.property(calls, (some) => {
        const entries: RegistryEntry[] = []
        const state = new RegistryState({ append: (entry) => entries.push(JSON.parse(JSON.stringify(entry))) })
        for (const one of some) {
          const [before, count] = [contents(state), entries.length]
          if (made(state, one)) continue
          deepEqual(contents(state), before)
          deepEqual(entries.length, count)
        }
        deepEqual(contents(new RegistryState(undefined, entries)), contents(state))
      }),
      { numRuns: 1000 },
    )
  })

  test('has one text for an id, one id for a text, and all that its schemas refer to', () => {
    fc.assert(
      fc.property(calls, (some) => {
        const state = new RegistryState()
        const everGiven = new Map<number, string>()
        for (const one of some) {
          made(state, one)
          const idsNow = new Map<string, number>()
          for (const place of state.subjects('included').flatMap((name) => state.versions(name, 'included'))) {
            const text = JSON.stringify([place.schema, place.references])
            deepEqual(everGiven.get(place.id) ?? text, text)
            deepEqual(idsNow.get(text) ?? place.id, place.id)
            everGiven.set(place.id, text)
            idsNow.set(text, place.id)
            for (const to of place.references) ok(state.version(to.subject, to.version, 'included'))
          }
        }
      }),
      { numRuns: 1000 },
    )
  })
})
