import { countText } from '../count-text.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { requireItems } from '../require-keys.ts'
import { columnPicture } from './column-picture.ts'
import { escaped, shortened } from './markup.ts'

const [width, height] = [720, 250]
/** of the drawing within the picture, in px */
const [margin, titleHeight] = [16, 40]
/** A longer name would leave the picture. */
const mostCharacters = 52

/**
 * A picture of each column: its histogram in grey, its modes in colour. Heights are square roots of rows, so that small
 * modes show.
 */
export function modelSvg(columns: readonly ColumnModel[]): string {
  requireItems('modelSvg', columns, ['name', 'weight', 'mean', 'std'], 'the columns of a model')
  const all = columns.length * height
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${all}" width="${width}" height="${all}" role="img"`,
    '  font-family="system-ui, sans-serif" font-size="12" fill="#1c2430">',
    `<title>Histograms and modes of ${escaped(columns.map(({ name }) => name).join(', '))}</title>`,
    `<rect width="${width}" height="${all}" fill="#fff"/>`,
    ...columns.map((column, i) => titledPicture(column, i * height)),
    '</svg>\n',
  ].join('\n')
}

function titledPicture(column: ColumnModel, y: number): string {
  const { name, type, mean, rows } = column
  const modes = `${mean.length} ${mean.length === 1 ? 'mode' : 'modes'}`
  const place = `x="${margin}" y="${y + titleHeight}" width="${width - 2 * margin}" aria-hidden="true"`
  // The isolate keeps a name that is read from right to left apart from what follows.
  return [
    `<text x="${margin}" y="${y + 22}"><tspan font-size="15" font-weight="600">` +
      `\u2068${escaped(shortened(name, mostCharacters))}\u2069</tspan> ` +
      `${type}, ${modes} from ${countText(rows)} values</text>`,
    columnPicture(column, place, height - titleHeight - 6),
  ].join('\n')
}
