/**
 * Ten hues of equal lightness, 36 degrees apart in OKLCH (L = 0.62), so that no mode looks more important than another.
 * Neighbours in this order, as neighbours by mean, are told apart with every kind of colour vision; a number stands
 * beside each colour all the same. On white and on near-black, each has a contrast of 3 and more.
 */
export const modeColours = [
  '#138ed6',
  '#c55d91',
  '#99860f',
  '#0997a6',
  '#cf5e55',
  '#757adb',
  '#c07005',
  '#099d7c',
  '#a768c1',
  '#5e9936',
] as const

/** The colour of a mode by its place in the order of means: the same in every picture. */
export function modeColour(mode: number): string {
  return modeColours[mode % modeColours.length]
}
