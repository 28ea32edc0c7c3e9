/** Both themes, three widths and paper: what a card looks like. */
export const cardStyle = `
:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1c2430; --muted: #5b6675; --line: #e3e7ec; --rows: #d6dce3; --axis: #8a94a2;
  --soft: #f5f7f9; --accent: #1d62b8; --good: #1a7446; --bad: #b3261e;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --text: #e6eaf0; --muted: #9aa5b4; --line: #2a323d; --rows: #39434f; --axis: #6d7887;
    --soft: #1a2029; --accent: #86b6f5; --good: #5fc08d; --bad: #ff8a80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
main { max-width: 960px; margin: 0 auto; padding: 40px 24px 64px; overflow-wrap: anywhere; }
a { color: var(--accent); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
.kind { margin: 0; color: var(--muted); font-size: 12px; letter-spacing: .08em; text-transform: uppercase; }
h1 { margin: 4px 0 8px; font-size: 28px; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; }
.version { color: var(--muted); font-weight: 400; }
.chip {
  display: inline-block; padding: 1px 10px; border: 1px solid var(--line); border-radius: 999px; color: var(--muted);
  font-size: 12px; line-height: 20px; font-weight: 500; letter-spacing: 0; vertical-align: 5px;
}
.chip.live, .good { color: var(--good); }
.bad { color: var(--bad); }
.muted, .note, .facts, footer { color: var(--muted); }
.lead { margin: 0 0 16px; font-size: 16px; max-width: none; }
time { white-space: nowrap; }
nav { display: flex; gap: 24px; padding: 8px 0; border-block: 1px solid var(--line); }
section { margin-top: 48px; }
h2 { margin: 0 0 8px; font-size: 20px; font-weight: 600; letter-spacing: -.005em; }
h3 { margin: 0; font-size: 16px; font-weight: 600; }
p { margin: 0 0 8px; max-width: 84ch; }
.note { font-size: 12px; }
.facts { margin: 0 0 8px; font-size: 12px; max-width: none; }
article { margin-top: 32px; scroll-margin-top: 16px; }
article + article { padding-top: 32px; border-top: 1px solid var(--line); }
svg { display: block; overflow: visible; font-family: inherit; font-size: 12px; }
svg svg { overflow: hidden; }
svg .rows { fill: var(--rows); }
svg .sum { stroke: var(--text); }
svg .cut { stroke: var(--ground); }
svg .axis { stroke: var(--axis); }
svg .label { fill: var(--muted); }
.tables { display: grid; grid-template-columns: 1fr 1fr; gap: 16px 40px; margin-top: 12px; align-items: start; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 5px 0 5px 16px; text-align: right; font-weight: 400; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
thead th, thead td { color: var(--muted); font-size: 12px; vertical-align: bottom; overflow-wrap: normal; }
tbody th { min-width: 88px; }
.modes tbody th { min-width: 0; }
th bdi { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
tbody tr:last-child > * { border-bottom: 0; }
td { white-space: nowrap; }
td.spark { width: 112px; }
.verdict { min-width: 72px; white-space: normal; }
.mode {
  display: inline-block; min-width: 20px; padding: 0 4px; border-radius: 10px; background: var(--c); color: #0b0f14;
  font-size: 11px; line-height: 20px; font-weight: 600; text-align: center;
}
.bar { position: relative; min-width: 120px; }
.modes .bar { min-width: 96px; }
.bar span {
  position: absolute; left: 16px; top: 50%; height: 8px; margin-top: -4px; border-radius: 2px;
  width: calc((100% - 76px) * var(--n)); min-width: 1px; background: var(--c, var(--axis)); opacity: .85;
}
.quality .bar span { background: var(--rows); opacity: 1; }
.quality .own { font-weight: 600; }
.quality .own th { font-weight: 600; }
.quality .own .bar span { background: var(--accent); }
dl { display: grid; grid-template-columns: 1fr 1fr; gap: 0 40px; margin: 0; }
dl div { padding: 6px 0; border-bottom: 1px solid var(--line); }
dl div:nth-child(3), dl div:nth-child(4), dl div:last-child { grid-column: 1 / -1; }
dt { color: var(--muted); font-size: 12px; }
dd { margin: 0; }
.range { display: inline-block; margin-right: 16px; }
code, pre { font: 12px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0 0 16px; padding: 10px 12px; background: var(--soft); border-radius: 6px; overflow-x: auto; }
.use p { margin: 0 0 4px; }
footer { margin-top: 48px; padding-top: 12px; border-top: 1px solid var(--line); font-size: 12px; }
@media (max-width: 640px) {
  main { padding: 24px 16px 40px; }
  h1 { font-size: 24px; }
  .lead { font-size: 14px; }
  .tables, dl { grid-template-columns: 1fr; gap: 16px; }
  dl { gap: 0; }
  .wide, svg .minor { display: none; }
  th, td { padding-left: 10px; }
}
@page { size: A4; margin: 16mm 15mm; @bottom-right { content: counter(page) " / " counter(pages); font: 9px sans-serif; } }
@media print {
  body { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; zoom: .8; }
  nav { display: none; }
  section { margin-top: 28px; }
  article { margin-top: 16px; }
  article + article { padding-top: 16px; }
  h2, h3, .use p { break-after: avoid; }
  article, tr, pre, dl div { break-inside: avoid; }
  th, td { padding-top: 1px; padding-bottom: 1px; }
  .mode { line-height: 17px; }
  pre { white-space: pre-wrap; border: 1px solid var(--line); }
  a { color: inherit; }
  .scroll { overflow: visible; }
}
`
