import { type Asset, modulesOf } from './assets.ts'

/** The one page; everything in it is made by its modules. */
export function pageHtml(assets: ReadonlyMap<string, Asset>, theme: string | undefined): string {
  const chosen = theme === 'dark' || theme === 'light' ? ` data-theme="${theme}"` : ''
  const modules = modulesOf(assets).map((name) => `<link rel="modulepreload" href="/assets/${name}">`)
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
    ...modules,
    '<script type="module" src="/assets/main.js"></script>',
    '</head>',
    '<body><div id="app"></div>',
    '<noscript>This page needs JavaScript.</noscript>',
    '</body>',
    '</html>\n',
  ].join('\n')
}
