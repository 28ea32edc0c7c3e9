import { datasetName } from '../config/value-rules.ts'

/**
 * The one page; everything in it is made by its script.
 *
 * @param path decoded parts of the address
 */
export function pageHtml(theme: string | undefined, path: readonly string[] = []): string {
  const chosen = theme === 'dark' || theme === 'light' ? ` data-theme="${theme}"` : ''
  const answers = firstQuestions(path).map((url) => `<link rel="preload" as="fetch" crossorigin href="${url}">`)
  return [
    '<!doctype html>',
    `<html lang="en"${chosen}>`,
    '<head>',
    '<meta charset="utf-8">',
    '<title>vgm</title>',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">',
    '<link rel="stylesheet" href="/assets/style.css">',
    '<script type="module" src="/assets/main.js"></script>',
    ...answers,
    '</head>',
    '<body><div id="app"></div>',
    '<noscript>This page needs JavaScript.</noscript>',
    '</body>',
    '</html>\n',
  ].join('\n')
}

/** What the script asks as it starts: the answers come beside it, not after it. */
function firstQuestions([d, dataset = '', page = 'flow', ...rest]: readonly string[]): string[] {
  if (d !== 'd' || !datasetName.allows(dataset)) return ['/api/session']
  const ofPage: Readonly<Record<string, readonly string[]>> = {
    models: ['models', 'model/current'],
    'dead-letters': ['letters'],
    rows: ['rows?partition=0&amp;rows=50'],
    runs: ['runs'],
  }
  const names = ['flow', ...(rest.length === 0 && Object.hasOwn(ofPage, page) ? ofPage[page] : [])]
  return ['/api/session', ...names.map((name) => `/api/d/${dataset}/${name}`)]
}
