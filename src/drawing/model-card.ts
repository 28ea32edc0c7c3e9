import { countText } from '../count-text.ts'
import type { DriftReport } from '../drift/drift-report.ts'
import { type FitQuality, fitQuality } from '../drift/fit-quality.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { mostDecimals } from '../mixture/decimals.ts'
import type { Model } from '../model/model.ts'
import { counted } from '../observe/report-text.ts'
import { requireKeys } from '../require-keys.ts'
import { columnPicture, modesOutside, smallPicture } from './column-picture.ts'
import { escaped } from './markup.ts'
import { modeColour } from './mode-colours.ts'
import { cardStyle } from './model-card-style.ts'
import { formatNumber, joiningText } from './model-plot.ts'

/** What a card shows beside the model itself. */
export interface ModelCardFacts {
  /** what the version is called now, such as 'current' or '@stable' */
  readonly names: readonly string[]
  /** since the fit; undefined if nothing has been counted */
  readonly drift: DriftReport | undefined
  readonly modelsTopic: { readonly name: string; readonly isDefault: boolean }
  readonly madeAtMs: number
}

/** Cards of more columns begin with a table of them. */
const fewColumns = 4
/** Partitions of the lineage that are listed one by one. */
const listedPartitions = 12

/**
 * A page about a model for people: its columns as pictures, how well they describe the training rows, where these come
 * from, what has changed since, and how the model is used. One HTML file that needs nothing else and runs no script.
 */
export function modelCard(model: Model, facts: ModelCardFacts): string {
  requireKeys('modelCard', 'its model', model, ['dataset', 'version', 'columns', 'lineage'], 'a model of listModels')
  requireKeys('modelCard', 'its second argument', facts, ['names', 'modelsTopic', 'madeAtMs'], 'facts of the model')
  const { dataset, version, columns, contentSha256 } = model
  const qualities = columns.map(fitQuality)
  const overview = columns.length > fewColumns ? [overviewOf(columns, qualities, facts.drift)] : []
  const head =
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<title>${escaped(dataset)}, version ${version}: model card</title><style>${cardStyle}</style>`
  return [
    `<!doctype html>\n<html lang="en"><head>${head}</head><body><main>`,
    header(model, facts),
    ...overview,
    '<section aria-labelledby="columns"><h2 id="columns">Columns</h2>',
    '<p class="note">Grey: the training rows. Colours: the modes, by order of their means. Line: their sum. ' +
      'Heights are square roots of rows, so that small modes show. Loss: what a row costs more, on average, than by ' +
      'the histogram of the training rows; 0 is exact. k-means has a normal distribution for each cluster; min-max ' +
      'takes all values between the ends for equally likely.</p>',
    ...columns.map((column, i) => columnOf(column, i, qualities[i])),
    '</section>',
    driftOf(model, facts.drift),
    lineageOf(model),
    useOf(model, facts),
    `<footer>Made ${time(facts.madeAtMs)} from model ${escaped(dataset)}/${version}, ` +
      `content ${contentSha256.slice(0, 12)}.</footer>`,
    '</main></body></html>\n',
  ].join('\n')
}

function header({ dataset, version, columns, lineage, createdAtMs }: Model, { names }: ModelCardFacts): string {
  const chips = names.map((name) =>
    name === 'current' ? '<span class="chip live">● current</span>' : `<span class="chip">${escaped(name)}</span>`,
  )
  const modes = columns.reduce((sum, { mean }) => sum + mean.length, 0)
  const { rowsUsed, rowsSeen } = lineage
  const rows =
    rowsUsed < rowsSeen
      ? `a sample of ${countText(rowsUsed)} of ${countText(rowsSeen)} rows`
      : `${countText(rowsUsed)} rows`
  return [
    '<header><p class="kind">Model card</p>',
    `<h1>${name(dataset)} <span class="version">version ${version}</span> ${chips.join(' ')}</h1>`,
    `<p class="lead">${counted(columns.length, 'column')} with ${counted(modes, 'mode')}, ` +
      `fitted ${time(createdAtMs)} on ${rows}.</p>`,
    '<nav><a href="#columns">Columns</a><a href="#drift">Drift</a><a href="#lineage">Lineage</a>' +
      '<a href="#use">Use</a></nav></header>',
  ].join('\n')
}

function overviewOf(
  columns: readonly ColumnModel[],
  qualities: readonly (readonly FitQuality[])[],
  drift: DriftReport | undefined,
): string {
  const drifts = new Map(drift?.columns.map((column) => [column.name, column]))
  const rows = columns.map((column, i) => {
    const since = drifts.get(column.name)
    const shift = since === undefined || since.rows === 0 ? '–' : since.wasserstein.toFixed(3)
    return (
      `<tr><th scope="row"><a href="#c${i}">${name(column.name)}</a></th>` +
      `<td class="spark wide">${smallPicture(column, 'width="96" aria-hidden="true"', 24)}</td>` +
      `<td>${column.mean.length}</td><td class="wide">${countText(column.rows)}</td>` +
      `<td>${share(column.nulls, column.rows + column.nulls)}</td>` +
      `<td>${nats(qualities[i][0])}</td><td class="wide">${nats(qualities[i][2])}</td><td>${shift}</td></tr>`
    )
  })
  return [
    '<section aria-labelledby="overview"><h2 id="overview">Overview</h2><div class="scroll"><table>',
    '<thead><tr><th scope="col">column</th><td class="wide"></td><th scope="col">modes</th>' +
      '<th scope="col" class="wide">values</th><th scope="col">nulls</th><th scope="col">loss, nats</th>' +
      '<th scope="col" class="wide">one normal, nats</th><th scope="col">shift since, std</th></tr></thead>',
    `<tbody>${rows.join('\n')}</tbody></table></div></section>`,
  ].join('\n')
}

function columnOf(column: ColumnModel, i: number, quality: readonly FitQuality[]): string {
  const { type, mean, rows, nulls, min, max } = column
  const facts = [
    type,
    counted(mean.length, 'mode'),
    `${countText(rows)} values`,
    ...(nulls > 0 ? [`${share(nulls, rows + nulls)} nulls`] : []),
    min === max ? `always ${formatNumber(min)}` : `${formatNumber(min)} to ${formatNumber(max)}`,
    ...(type === 'int' || type === 'long' ? [] : [decimalsOf(column)]),
  ]
  const label = `role="img" width="100%" aria-label="Rows and modes of ${escaped(column.name)}"`
  const far = modesOutside(column)
  const outside =
    far.length === 0
      ? ''
      : `<p class="note">Too far out to be drawn: ${far.length === 1 ? 'mode' : 'modes'} ${far.join(', ')}.</p>`
  return [
    `<article id="c${i}"><h3>${name(column.name)}</h3><p class="facts">${facts.join(' · ')}</p>`,
    columnPicture(column, label, 190),
    outside,
    `<div class="tables">${modesOf(column)}${qualityOf(quality)}</div></article>`,
  ].join('\n')
}

function decimalsOf({ decimals, roundTo }: ColumnModel): string {
  const seen =
    decimals === mostDecimals ? 'all decimals' : decimals === 0 ? 'whole numbers' : counted(decimals, 'decimal')
  return roundTo === undefined ? seen : `${seen}, restored to ${roundTo}`
}

function modesOf({ weight, mean, std }: ColumnModel): string {
  const rows = mean.map(
    (m, k) =>
      `<tr><th scope="row"><span class="mode" style="--c:${modeColour(k)}">${k}</span></th>` +
      `<td class="bar"><span style="--c:${modeColour(k)};--n:${weight[k].toFixed(4)}"></span>` +
      `${(100 * weight[k]).toFixed(1)} %</td><td>${formatNumber(m)}</td><td>${formatNumber(std[k])}</td></tr>`,
  )
  return (
    '<table class="modes"><thead><tr><th scope="col">mode</th><th scope="col">weight</th><th scope="col">mean</th>' +
    `<th scope="col">std</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`
  )
}

function qualityOf(quality: readonly FitQuality[]): string {
  const most = Math.max(...quality.map(({ lossNats }) => lossNats))
  const called = (each: FitQuality) =>
    each.by === 'model' ? 'this model' : each.by === 'k-means' ? `k-means, ${counted(each.parts, 'cluster')}` : each.by
  const rows = quality.map((each) => {
    const width = most > 0 ? each.lossNats / most : 0
    return (
      `<tr${each.by === 'model' ? ' class="own"' : ''}><th scope="row">${called(each)}</th>` +
      `<td class="bar"><span style="--n:${width.toFixed(4)}"></span>${nats(each)}</td></tr>`
    )
  })
  return (
    '<table class="quality"><thead><tr><th scope="col">described by</th><th scope="col">loss, nats a row</th></tr>' +
    `</thead><tbody>${rows.join('\n')}</tbody></table>`
  )
}

function driftOf({ dataset, version }: Model, drift: DriftReport | undefined): string {
  const begin = '<section aria-labelledby="drift"><h2 id="drift">Drift since</h2>'
  if (drift?.fromMs === undefined || drift.toMs === undefined)
    return (
      `${begin}<p>No rows of this version have been counted. <code>vgm normalize --dataset ${escaped(dataset)}` +
      `</code> counts them, and the next card says what has changed.</p></section>`
    )
  const { rows, windows, windowRows, toLearn, alarms, fromMs, toMs, columns } = drift
  const lines = columns.map((column) => {
    const finding = column.findings.find(({ isAlarm }) => isAlarm) ?? column.findings[0]
    const [word, kind] = finding?.isAlarm
      ? [`▲ alarm (${finding.of})`, 'bad']
      : column.sinceStart.length > 0
        ? [`▲ since the start (${column.sinceStart.map((each) => each.of).join(', ')})`, 'bad']
        : toLearn > 0
          ? ['learning', 'muted']
          : finding?.isCertain
            ? ['certain, small', 'muted']
            : ['✓ none', 'good']
    return (
      `<tr><th scope="row">${name(column.name)}</th><td>${figure(column.wasserstein)}</td>` +
      `<td>${figure(100 * column.outside, 2, ' %')}</td>` +
      `<td class="wide">${figure(100 * column.nullShare, 2, ' %')}</td>` +
      `<td class="wide">${figure(column.nats - column.trainedNats)}</td>` +
      `<td class="wide">${(finding?.effect ?? 0).toFixed(3)}</td><td class="verdict ${kind}">${word}</td></tr>`
    )
  })
  const learning = toLearn === 0 ? '' : `; ${toLearn} more are needed before the first verdict`
  const raised = alarms.map(
    (alarm) =>
      `<p class="bad">▲ ${alarm.columns.map(name).join(', ')}: different since about ${time(alarm.fromMs)}.</p>`,
  )
  return [
    `${begin}<p>${countText(rows)} rows of version ${version}, ${time(fromMs)} to ${time(toMs)}. ` +
      `${counted(windows, 'window')} of ${countText(windowRows)} rows or more ` +
      `${windows === 1 ? 'has' : 'have'} been judged${learning}.</p>`,
    ...raised,
    '<div class="scroll"><table><thead><tr><th scope="col">column</th><th scope="col">shift, std</th>' +
      '<th scope="col">outside</th><th scope="col" class="wide">nulls</th><th scope="col" class="wide">nats</th>' +
      '<th scope="col" class="wide">effect, std</th><th scope="col" class="verdict">drift</th></tr></thead>',
    `<tbody>${lines.join('\n')}</tbody></table></div>`,
    '<p class="note">Shift: Wasserstein-1 distance from the training rows, in standard deviations. Outside: beyond ' +
      'the trained range. Nats: mean log density of the model, less that of its training rows. Effect: lower bound ' +
      '(95 %) of the shift since a drift began. Since the start: the rows have differed from the training rows since ' +
      'the first window, so that no alarm says so.</p></section>',
  ].join('\n')
}

/** @param x NaN if there is none */
const figure = (x: number, digits = 3, unit = '') => (Number.isNaN(x) ? '–' : `${x.toFixed(digits)}${unit}`)

function lineageOf({ recipe, seed, options, lineage, contentSha256 }: Model): string {
  const { topic, partitions, rowsSeen, rowsUsed, schemaId, schemaFingerprint, softwareVersion } = lineage
  const listed = partitions.slice(0, listedPartitions)
  const ranges = listed.map(
    ({ partition, startOffset, endOffset }) =>
      `<span class="range">${partition}: ${countText(startOffset)} – ${countText(endOffset)}</span>`,
  )
  const rest =
    partitions.length > listed.length ? ` and ${counted(partitions.length - listed.length, 'more partition')}` : ''
  const facts: (readonly [string, string])[] = [
    ['topic', name(topic)],
    [
      'rows',
      rowsUsed < rowsSeen ? `${countText(rowsUsed)}, a sample of ${countText(rowsSeen)}` : `all ${countText(rowsUsed)}`,
    ],
    ['offsets, by partition', ranges.join(' ') + rest],
    ['schema of the rows', `id ${schemaId}, fingerprint <code>${escaped(schemaFingerprint)}</code>`],
    ['recipe', `${recipe}, seed ${seed}`],
    ['components', `${options.components} at most, of weight ${options.minWeight} or more`],
    ['concentration prior', formatNumber(options.weightConcentrationPrior)],
    ['tolerance', `${options.tolerance}, within ${countText(options.maxIterations)} iterations`],
    ['joined modes', joiningText(options)],
    ['regularization', options.regularization === undefined ? 'chosen by column' : String(options.regularization)],
    ['software', `vgm-stream ${escaped(softwareVersion)}`],
    ['content, SHA-256', `<code>${escaped(contentSha256)}</code>`],
  ]
  const items = facts.map(([term, fact]) => `<div><dt>${term}</dt><dd>${fact}</dd></div>`)
  return `<section aria-labelledby="lineage"><h2 id="lineage">Lineage</h2><dl>${items.join('\n')}</dl></section>`
}

function useOf({ dataset, version, columns }: Model, { modelsTopic }: ModelCardFacts): string {
  const of = `--dataset ${dataset}${modelsTopic.isDefault ? '' : ` --models-topic ${modelsTopic.name}`}`
  const inTopic = modelsTopic.isDefault ? '' : `, modelsTopic: '${modelsTopic.name}'`
  const commands = [
    ['Normalize new rows with this version', `vgm normalize ${of} --model ${version}`],
    ['Normalize old rows with it, into a topic of their own', `vgm replay ${of} --model ${version} --from start`],
    ['Make it the current one', `vgm model promote ${of} ${version}`],
    ['Fit its rows again and compare the bytes', `vgm model show ${of} ${version} --check`],
  ]
  const library = [
    "import { Normalizer } from 'vgm-stream/mixture'",
    "import { followModels, openCluster } from 'vgm-stream/pipeline'",
    '',
    'const cluster = await openCluster({ brokers: [...], registry: ... })',
    `const models = await followModels(cluster, { dataset: '${dataset}'${inTopic} })`,
    `const { columns } = await models.version('${dataset}', ${version})`,
    `const normalizer = new Normalizer(columns[0]) // ${columns[0]?.name ?? ''}`,
    'normalizer.normalize(x, values, modes) // value = (x - mean) / (4 std) of the likeliest mode',
  ]
  return [
    '<section aria-labelledby="use"><h2 id="use">Use</h2><div class="use">',
    ...commands.map(([what, command]) => `<p>${what}</p><pre><code>${escaped(command)}</code></pre>`),
    `<p>In a program</p><pre><code>${library.map(escaped).join('\n')}</code></pre></div></section>`,
  ].join('\n')
}

/** A name keeps its own direction, whatever stands beside it. */
function name(text: string): string {
  return `<bdi>${escaped(text)}</bdi>`
}

function share(part: number, all: number): string {
  return all === 0 ? '–' : `${((100 * part) / all).toFixed(2)} %`
}

function nats({ lossNats }: FitQuality): string {
  return lossNats.toFixed(3)
}

function time(ms: number): string {
  const iso = new Date(ms).toISOString()
  return `<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`
}
