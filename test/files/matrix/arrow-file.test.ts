import { deepEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { createArrow } from '../../../src/files/matrix/arrow-file.ts'
import { temporaryFolder } from '../temporary-folder.ts'

suite('an Arrow file', () => {
  // pyarrow 26 reads it: ipc.open_file(...).read_all().validate(full=True), to_pydict() == the columns below.
  test('has the bytes that pyarrow was shown', async (t) => {
    const columns = [
      [1, -0.5, 0.25, 1e30, 3],
      [0, 1, 0, 1, 0],
    ].map((values) => Float32Array.from(values))
    const file = `${temporaryFolder(t)}/two.arrow`
    const writer = await createArrow(file, ['delay', 'origin=é "x"'])
    await writer.append(3, (c) => columns[c].subarray(0, 3))
    await writer.append(2, (c) => columns[c].subarray(3))
    await writer.close()
    deepEqual(readFileSync(file), readFileSync(new URL('../../fixtures/files/two-columns.arrow', import.meta.url)))
  })
})
