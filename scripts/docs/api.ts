/** docs/api/: the reference of the library, a page for each of its imports. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type Declared, readApi } from './api-types.ts'
import { wrapped } from './line-breaks.ts'

const root = join(import.meta.dirname, '../..')

/** The pages, by the folders of src that they are about. */
const pages = {
  mixture: { file: 'mixture.md', title: 'vgm-stream/mixture' },
  pipeline: { file: 'pipeline.md', title: 'vgm-stream/pipeline' },
  doctor: { file: 'doctor.md', title: 'vgm-stream/doctor' },
  embedded: { file: 'testing.md', title: 'vgm-stream/testing' },
} as const
type Module = keyof typeof pages
const modules = Object.keys(pages) as Module[]

/** What has a heading, and the types beneath it that only it uses. */
interface Section {
  readonly head: Declared
  readonly module: Module
  readonly below: readonly Declared[]
}

/** The files of docs/api, by their names. */
export function apiPages(): Map<string, string> {
  const { about, declared } = readApi(modules)
  const sections = sectionsOf(declared)
  const code = formatted(sections.map(codeOf))
  const places = placesOf(sections)
  const errorCodes = new Map(
    declared.filter(({ kind }) => kind === 'error').map((each) => [each.name, each.errorCodes]),
  )
  return new Map(
    modules.map((module, i) => {
      const { file, title } = pages[module]
      const own = sections.filter((section) => section.module === module)
      const { functions = [], types = [] } = Object.groupBy(own, ({ head }) =>
        head.kind === 'function' ? 'functions' : 'types',
      )
      const chapter = (heading: string, its: readonly Section[]) => {
        const texts = its.map((each) => sectionText(each, code[sections.indexOf(each)], { places, errorCodes, file }))
        return texts.length === 0 ? [] : [`## ${heading}`, ...texts]
      }
      const errors = declared.filter((each) => each.kind === 'error' && each.modules.includes(module))
      const parts = [
        `# ${title}`,
        about[i],
        'Written by `npm run docs` from the types of the package. [library.md](../library.md) is the guide.',
        wrapped(index(module, declared, places)),
        ...chapter('Functions', functions),
        ...chapter('Types', types),
        ...(errors.length === 0 ? [] : [errorTable(errors)]),
      ]
      return [file, `${parts.join('\n\n')}\n`]
    }),
  )
}

/** Links to all that a module exports but errors. */
function index(module: Module, declared: readonly Declared[], places: Links['places']): string {
  const { file } = pages[module]
  const own = declared.filter((each) => each.kind !== 'error' && each.modules.includes(module))
  const links = own.sort(byName).map((each) => link(each.name, places.get(each)!, file))
  return `${links.join(', ')}.`
}

const { compare } = new Intl.Collator('en')
const byName = (a: Declared, b: Declared) => compare(a.name, b.name)

/** A type that only one section uses is shown in it; all others have a heading of their own. */
function sectionsOf(declared: readonly Declared[]): Section[] {
  const shown = declared.filter(({ kind }) => kind !== 'error')
  const users = (type: Declared) => shown.filter(({ mentions }) => mentions.includes(type))
  const home = new Map(shown.map((each) => [each, each]))
  for (let isChanged = true; isChanged; ) {
    isChanged = false
    for (const type of shown) {
      if (home.get(type) !== type || type.kind !== 'type') continue
      const homes = new Set(users(type).map((user) => home.get(user)!))
      homes.delete(type)
      const [only] = homes
      if (homes.size !== 1) continue
      for (const [each, its] of home) if (its === type) home.set(each, only)
      isChanged = true
    }
  }
  const heads = shown.filter((each) => home.get(each) === each)
  const ordered = [
    ...heads.filter(({ kind }) => kind === 'function'),
    ...heads.filter(({ kind }) => kind !== 'function').sort(byName),
  ]
  return ordered.map((head) => {
    const below = [...reached(head, (each) => home.get(each) === head)].slice(1)
    return { head, module: moduleOf(head, shown), below }
  })
}

/** A declaration and those that it leads to, each before what it mentions. */
function reached(from: Declared, isWanted: (each: Declared) => boolean, found = new Set<Declared>()): Set<Declared> {
  found.add(from)
  for (const each of from.mentions) if (isWanted(each) && !found.has(each)) reached(each, isWanted, found)
  return found
}

/** That exports it, or one of those who use it. */
function moduleOf(declared: Declared, all: readonly Declared[], seen = new Set<Declared>()): Module {
  if (declared.modules.length > 0) return declared.modules[0] as Module
  seen.add(declared)
  const user = all.find((each) => !seen.has(each) && each.mentions.includes(declared))
  if (user === undefined) throw new Error(`Nobody uses ${declared.name}`)
  return moduleOf(user, all, seen)
}

const codeOf = ({ head, below }: Section) =>
  [head.code, ...below.map(({ docstring, code }) => `${docstring}\n${code}`)].join('\n\n')

/** As all code of the project is formatted. */
function formatted(codes: readonly string[]): string[] {
  const mark = '// next block'
  const biome = join(root, 'node_modules/.bin/biome')
  const input = codes.join(`\n${mark}\n`)
  const output = execFileSync(biome, ['format', '--stdin-file-path=api.d.ts'], { cwd: root, input, encoding: 'utf8' })
  return output.split(mark).map((code) => code.replace(/^ *#private\n/m, '').trim())
}

interface Place {
  readonly file: string
  readonly heading: string
}

/** Where each declaration is shown. */
function placesOf(sections: readonly Section[]): Map<Declared, Place> {
  const places = sections.flatMap(({ head, module, below }) =>
    [head, ...below].map((each) => [each, { file: pages[module].file, heading: head.name }] as const),
  )
  return new Map(places)
}

interface Links {
  readonly places: ReadonlyMap<Declared, Place>
  readonly errorCodes: ReadonlyMap<string, readonly string[]>
  /** that the links stand in */
  readonly file: string
}

function sectionText({ head, below }: Section, code: string, { places, errorCodes, file }: Links): string {
  const shown = [head, ...below]
  const elsewhere = [...new Set(shown.flatMap(({ mentions }) => mentions))].filter((each) => !shown.includes(each))
  const links = elsewhere.map((each) => link(each.name, places.get(each)!, file))
  const tagged = (tag: string) => head.tags.filter(({ name }) => name === tag).map(({ text }) => text)
  const items = [
    ...tagged('param').map((text) => `\`${text.replace(/\s/, '`: ')}`),
    ...tagged('returns').map((text) => `Returns ${text}`),
    ...tagged('throws').map((text) => `Throws ${withErrorLinks(text, errorCodes)}`),
    ...(links.length === 0 ? [] : [`Types: ${links.join(', ')}`]),
  ]
  return [
    `### ${head.name}`,
    ...(head.about === '' ? [] : [escaped(head.about)]),
    ...(head.kind !== 'function' && head.modules.length === 0 ? ['A part of other types; it cannot be imported.'] : []),
    fenced(code),
    ...(items.length === 0
      ? []
      : [items.map((item) => wrapped(escaped(item.replace(/\s+/g, ' ')), '  ', '- ')).join('\n')]),
    ...tagged('example').map(fenced),
  ].join('\n\n')
}

function errorTable(errors: readonly Declared[]): string {
  const rows = [...errors].sort(byName).map(({ name, errorCodes, errorFields }) => {
    const codes = errorCodes.map((code) =>
      code.startsWith('VGM_') ? `[\`${code}\`](${codeLink(code)})` : 'that of another error',
    )
    return `| \`${name}\` | ${codes.join(', ')} | ${errorFields.map(cell).join(', ')} |`
  })
  const about = 'Classes of [PipelineError](pipeline.md#pipelineerror). Their codes lead to what they mean.'
  return ['## Errors', about, ['| class | code | fields of its own |', '|---|---|---|', ...rows].join('\n')].join(
    '\n\n',
  )
}

const cell = (code: string) => `\`${code.replaceAll('|', '\\|')}\``

const codeLink = (code: string) => `../errors.md#${code.toLowerCase()}`

function link(name: string, place: Place, from: string): string {
  return `[${name}](${place.file === from ? '' : place.file}#${place.heading.toLowerCase()})`
}

/** @throws Error for a class that the package does not export */
function withErrorLinks(text: string, errorCodes: Links['errorCodes']): string {
  return text.replace(/\b[A-Z]\w*Error\b/g, (name) => {
    const codes = errorCodes.get(name)
    if (codes === undefined) throw new Error(`"@throws ${text}": ${name} is not exported`)
    return `[${name}](${codes.length === 1 ? codeLink(codes[0]) : '#errors'})`
  })
}

const fenced = (code: string) => `\`\`\`ts\n${code}\n\`\`\``

/** Markdown takes angle brackets for HTML, but not within code. */
const escaped = (text: string) => text.replace(/`[^`]*`|[<>]/g, (found) => (found.length > 1 ? found : `\\${found}`))
