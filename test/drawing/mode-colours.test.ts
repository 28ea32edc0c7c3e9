import { deepEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { modeColour, modeColours } from '../../src/drawing/mode-colours.ts'

type Rgb = readonly [r: number, g: number, b: number]

/** Linear light. */
function rgb(hex: string): Rgb {
  const of = (i: number) => {
    const v = Number.parseInt(hex.slice(i, i + 2), 16) / 255
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
  }
  return [of(1), of(3), of(5)]
}

/** OKLab: Ottosson, A perceptual color space for image processing, 2020. */
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}

/** Machado, Oliveira, Fernandes, A physiologically-based model for simulation of color vision deficiency, 2009. */
const visions: Readonly<Record<string, readonly number[]>> = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
}

function seen(colour: Rgb, matrix: readonly number[]): Rgb {
  const of = (i: number) => colour.reduce((sum, v, j) => sum + matrix[3 * i + j] * v, 0)
  return oklab([of(0), of(1), of(2)].map((v) => Math.min(1, Math.max(0, v))) as unknown as Rgb)
}

const distance = (a: Rgb, b: Rgb) => Math.hypot(...a.map((v, i) => v - b[i]))
const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b
const contrast = (a: string, b: string) => {
  const [low, high] = [luminance(rgb(a)), luminance(rgb(b))].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

suite('the colours of modes', () => {
  test('are ten of equal lightness, and then the same again', () => {
    for (const colour of modeColours) ok(Math.abs(oklab(rgb(colour))[0] - 0.62) < 0.005, colour)
    deepEqual([modeColour(0), modeColour(10)], [modeColours[0], modeColours[0]])
  })

  test('are seen on both grounds, and numbers can be read on them', () => {
    for (const colour of modeColours) {
      for (const ground of ['#ffffff', '#12161c']) ok(contrast(colour, ground) >= 3, `${colour} on ${ground}`)
      ok(contrast(colour, '#0b0f14') >= 4.5, `a number on ${colour}`)
    }
  })

  test('differ between neighbours for every kind of colour vision', () => {
    for (const [vision, matrix] of Object.entries(visions))
      for (const [k, colour] of modeColours.slice(1).entries()) {
        const apart = distance(seen(rgb(modeColours[k]), matrix), seen(rgb(colour), matrix))
        ok(apart > 0.1, `${k} and ${k + 1}: ${apart.toFixed(3)} with ${vision}`)
      }
  })
})
