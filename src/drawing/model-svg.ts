import type { ColumnModel } from '../mixture/column-model.ts'
import { drawnRange, formatNumber, rowsInCells } from './model-plot.ts'

const [width, height] = [720, 250]
/** of the drawing within the picture, in px */
const margin = { left: 16, right: 16, top: 40, bottom: 44 }
const cells = 172
/** numbers below the axis, about */
const labelsWanted = 6
/** Told apart by everybody: Okabe and Ito, 2008. */
const colours = ['#0072b2', '#e69f00', '#009e73', '#d55e00', '#cc79a7', '#56b4e9', '#8f7700', '#555555']

/**
 * A picture of each column: its histogram in grey, its modes in colour. Heights are square roots of rows, so that small
 * modes show.
 */
export function modelSvg(columns: readonly ColumnModel[]): string {
  const pictures = columns.map((column, i) => `<g transform="translate(0 ${i * height})">${columnPicture(column)}</g>`)
  const all = columns.length * height
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${all}" width="${width}" height="${all}" role="img"`,
    '  font-family="system-ui, sans-serif" font-size="12" fill="#222">',
    `<title>Histograms and modes of ${escaped(columns.map(({ name }) => name).join(', '))}</title>`,
    `<rect width="${width}" height="${all}" fill="#fff"/>`,
    ...pictures,
    '</svg>\n',
  ].join('\n')
}

function columnPicture(column: ColumnModel): string {
  const { name, type, mean, rows } = column
  const modes = `${mean.length} ${mean.length === 1 ? 'mode' : 'modes'}`
  const title =
    `<text x="${margin.left}" y="22"><tspan font-size="15" font-weight="600">${escaped(name)}</tspan> ` +
    `${type}, ${modes} from ${rows.toLocaleString('en')} values</text>`
  const range = drawnRange(column)
  if (range === undefined) return `${title}<text x="${margin.left}" y="60">all values are the same</text>`
  return [title, ...drawing(column, range.low, range.high)].join('\n')
}

function drawing({ histogram, weight, mean, std, rows }: ColumnModel, low: number, high: number): string[] {
  const cell = (high - low) / cells
  const base = height - margin.bottom
  const x = (value: number) => margin.left + ((value - low) / (high - low)) * (width - margin.left - margin.right)
  const bars = rowsInCells(histogram, low, high, cells)
  const rowsOf = (k: number, value: number) => {
    const z = (value - mean[k]) / std[k]
    return (rows * weight[k] * cell * Math.exp(-0.5 * z * z)) / (std[k] * Math.sqrt(2 * Math.PI))
  }
  const middles = bars.map((_, i) => low + (i + 0.5) * cell)
  // A mode that is narrower than a cell would stand above all others.
  const peak = Math.max(...bars)
  const y = (count: number) => base - Math.sqrt(Math.min(1, count / peak)) * (base - margin.top)
  const histogramPath = bars.map(
    (count, i) => `L${at(x(low + i * cell))} ${at(y(count))}H${at(x(low + (i + 1) * cell))}`,
  )
  const curves = mean.map((_, k) => {
    const points = middles.map((value) => `L${at(x(value))} ${at(y(rowsOf(k, value)))}`)
    const colour = colours[k % colours.length]
    const path = `M${at(x(middles[0]))} ${base}${points.join('')}L${at(x(middles[cells - 1]))} ${base}Z`
    return `<path d="${path}" fill="${colour}" fill-opacity="0.3" stroke="${colour}" stroke-width="1.5"/>`
  })
  const names = mean.flatMap((m, k) => {
    if (m < low || m > high) return []
    return [
      `<text x="${at(x(m))}" y="${base + 14}" text-anchor="middle" fill="${colours[k % colours.length]}">${k}</text>`,
    ]
  })
  const labels = roundNumbers(low, high).map(
    (value) =>
      `<text x="${at(x(value))}" y="${base + 32}" text-anchor="middle" fill="#666">${formatNumber(value)}</text>`,
  )
  return [
    `<path d="M${at(x(low))} ${base}${histogramPath.join('')}V${base}Z" fill="#d5d8dc"/>`,
    ...curves,
    `<path d="M${margin.left} ${base}H${width - margin.right}" stroke="#888"/>`,
    ...names,
    ...labels,
  ]
}

/** Some multiples of 1, 2 or 5 times a power of ten, within a range. */
function roundNumbers(low: number, high: number): number[] {
  const least = (high - low) / labelsWanted
  const power = 10 ** Math.floor(Math.log10(least))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10)
  const first = Math.ceil(low / step)
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step)
}

/** A tenth of a pixel is enough. */
function at(px: number): string {
  return String(Math.round(px * 10) / 10)
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\p{Cc}]/gu, '\ufffd')
}
