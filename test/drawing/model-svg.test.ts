import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { modelSvg } from '../../src/drawing/model-svg.ts'
import { columnModel, fitMixture } from '../../src/mixture/index.ts'

const values = Float64Array.from({ length: 3_000 }, (_, i) => (i % 3 === 0 ? -18 : 21) + Math.sin(i))
const fare = columnModel(fitMixture(values), { name: 'fare <&> "tip"' })

suite('the picture of a model', () => {
  test('has a curve for each mode, its number below, and round numbers on the axis', () => {
    const svg = modelSvg([fare])
    equal(svg.match(/fill-opacity/g)?.length, fare.mean.length)
    deepEqual(
      [...svg.matchAll(/class="label[^>]*>([^<]+)</g)].map(([, label]) => label),
      ['-10', '0', '10', '20'],
    )
    match(svg, /fare &lt;&amp;&gt; &quot;tip&quot;/)
    ok(!/NaN|Infinity|undefined/.test(svg))
  })

  test('stacks columns, and says of one value that there is nothing to draw', () => {
    const constant = columnModel(fitMixture(Float64Array.of(4, 4, 4)), { name: 'constant' })
    const svg = modelSvg([fare, constant])
    match(svg, /viewBox="0 0 720 500"/)
    match(svg, /all values are the same/)
    ok(!/NaN|Infinity|undefined/.test(svg))
  })
})
