import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { keyPartition, murmur2 } from '../../src/stages/murmur2.ts'

// Apache Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java, testMurmur2.
const javaHashes: Readonly<Record<string, number>> = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
}

suite('murmur2', () => {
  for (const [key, hash] of Object.entries(javaHashes)) {
    test(`of "${key}" is that of the Java client`, () => equal(murmur2(Buffer.from(key)), hash))
  }

  test('chooses a partition from the lower 31 bits', () => {
    equal(keyPartition(Buffer.from('21'), 7), (-973932308 & 0x7fffffff) % 7)
  })
})
