/**
 * What the package exports, from the types that it is published with. The compiler that the project builds with reads
 * them; its interface is called unstable, and its version is pinned.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClassDeclaration, type Identifier, type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import { API, type Checker, type Project, SymbolFlags, type Symbol as TypeSymbol } from 'typescript/unstable/sync'

/** A function, class, type or constant of the package. */
export interface Declared {
  readonly name: string
  readonly kind: 'function' | 'error' | 'class' | 'constant' | 'type'
  /** modules that export it; none if it only stands in the types of others */
  readonly modules: readonly string[]
  /** as it is written, with its marks */
  readonly docstring: string
  /** what the docstring says before the first tag */
  readonly about: string
  readonly tags: readonly { readonly name: string; readonly text: string }[]
  /** the declaration, without its docstring */
  readonly code: string
  /** of an error: its codes, and the fields that it alone has */
  readonly errorCodes: readonly string[]
  readonly errorFields: readonly string[]
  /** types of the package that the declaration names */
  readonly mentions: readonly Declared[]
}

const root = join(import.meta.dirname, '../..')

/**
 * What modules export, and what else their types name, in the order of the modules.
 *
 * @param modules folders of src whose index.ts is an import of the package
 * @returns the docstring of each module, and all declarations
 */
export function readApi(modules: readonly string[]): { about: readonly string[]; declared: readonly Declared[] } {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-types-'))
  try {
    const indexes = modules.map((module) => join(folder, 'src', module, 'index.d.ts'))
    writeTypes(folder, indexes)
    const api = new API({ cwd: folder })
    try {
      const [project] = api.updateSnapshot({ openProjects: [join(folder, 'tsconfig.json')] }).getProjects()
      const sources = indexes.map((file) => project.program.getSourceFile(file)!)
      return {
        about: sources.map(({ text }) => plain(/^\/\*\*.*?\*\//s.exec(text)?.[0] ?? '')),
        declared: new Declarations(project, folder).of(sources, modules),
      }
    } finally {
      api.close()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function writeTypes(folder: string, files: readonly string[]): void {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const emit = ['-p', join(root, 'tsconfig.build.json'), '--emitDeclarationOnly', '--outDir', folder]
  execFileSync(process.execPath, [compiler, ...emit], { stdio: 'inherit' })
  const compilerOptions = { module: 'nodenext', target: 'es2024', types: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
}

/** The text of a docstring without its marks. */
const plain = (docstring: string) =>
  docstring
    .trim()
    .replace(/^\/\*\*\s*|\s*\*\/$/g, '')
    .replace(/^\s*\* ?/gm, '')
    .trim()

/** What a docstring says, and what its tags do. */
function told(docstring: string): Pick<Declared, 'about' | 'tags'> {
  const [about, ...tags] = plain(docstring).split(/^@/m)
  return {
    about: about.trim(),
    tags: tags.map((tag) => {
      const [name] = tag.split(/\s/, 1)
      return { name, text: tag.slice(name.length).trim() }
    }),
  }
}

const named = SymbolFlags.Class | SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.BlockScopedVariable

const kinds = new Map<SyntaxKind, Declared['kind']>([
  [SyntaxKind.FunctionDeclaration, 'function'],
  [SyntaxKind.ClassDeclaration, 'class'],
  [SyntaxKind.VariableDeclaration, 'constant'],
])

type Growing = Declared & { readonly mentions: Declared[]; readonly modules: string[] }

const inOrder = new Intl.Collator('en', { numeric: true }).compare

class Declarations {
  readonly #checker: Checker
  readonly #project: Project
  readonly #folder: string
  readonly #bySymbol = new Map<number, Growing>()

  constructor(project: Project, folder: string) {
    this.#checker = project.checker
    this.#project = project
    this.#folder = folder
  }

  of(sources: readonly SourceFile[], modules: readonly string[]): Declared[] {
    for (const [i, source] of sources.entries())
      for (const symbol of this.#checker.getExportsOfModule(this.#checker.getSymbolAtLocation(source)!))
        this.#take(this.#origin(symbol)).modules.push(modules[i])
    return [...this.#bySymbol.values()]
  }

  #origin(symbol: TypeSymbol): TypeSymbol {
    return symbol.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol
  }

  #take(symbol: TypeSymbol): Growing {
    const known = this.#bySymbol.get(symbol.id)
    if (known !== undefined) return known
    const node = symbol.declarations[0].resolve(this.#project)!
    const computed = this.#computed(symbol, node)
    const isError = node.kind === SyntaxKind.ClassDeclaration && /.Error$/.test(symbol.name) && !isAbstract(node)
    const source = node.getSourceFile()
    const statement = node.kind === SyntaxKind.VariableDeclaration ? node.parent.parent : node
    const doc = statement.jsDoc?.at(-1)
    const comment = doc === undefined ? '' : source.text.slice(doc.pos, doc.end)
    const declared: Growing = {
      name: symbol.name,
      kind: isError ? 'error' : (kinds.get(node.kind) ?? 'type'),
      modules: [],
      docstring: comment,
      ...told(comment),
      code: computed ?? statement.getText().replace(/^(export )?(declare )?/, ''),
      errorCodes: isError ? this.#codesOf(symbol) : [],
      errorFields: isError ? fieldsOf(node as ClassDeclaration) : [],
      mentions: [],
    }
    this.#bySymbol.set(symbol.id, declared)
    if (!isError && computed === undefined)
      declared.mentions.push(...this.#mentionsOf(node).filter((each) => each !== declared))
    return declared
  }

  /** A type that is computed from others, as what it comes to. */
  #computed(symbol: TypeSymbol, node: Node): string | undefined {
    if (!(symbol.flags & SymbolFlags.TypeAlias) || !/\b(keyof|typeof)\b/.test(node.getText())) return undefined
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol)
    const members = (type.isUnionType() ? type.getTypes() : [type]).map((each) => this.#checker.typeToString(each))
    return `type ${symbol.name} = ${members.sort(inOrder).join(' | ')}`
  }

  #codesOf(symbol: TypeSymbol): string[] {
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol)
    const code = this.#checker.getTypeOfSymbol(this.#checker.getPropertyOfType(type, 'code')!)!
    const members = code.isUnionType() ? code.getTypes() : [code]
    return members.map((each) => (each.isStringLiteralType() ? each.value : this.#checker.typeToString(each)))
  }

  #mentionsOf(node: Node): Declared[] {
    const identifiers: Identifier[] = []
    const visit = (each: Node) => {
      if (each.kind === SyntaxKind.Identifier) identifiers.push(each as Identifier)
      each.forEachChild(visit)
    }
    node.forEachChild(visit)
    const symbols = this.#checker.getSymbolAtLocation(identifiers).flatMap((each) => each && this.#origin(each))
    const own = symbols.filter((each) => each !== undefined && each.flags & named && this.#isOurs(each))
    return [...new Set(own.map((each) => this.#take(each!)))]
  }

  #isOurs({ declarations }: TypeSymbol): boolean {
    const path: string | undefined = declarations[0]?.path
    return path?.toLowerCase().startsWith(join(this.#folder, 'src').toLowerCase()) === true
  }
}

const isAbstract = (node: Node) => /^(export )?(declare )?abstract /.test(node.getText())

function fieldsOf({ members }: ClassDeclaration): string[] {
  return members
    .filter(({ kind }) => kind === SyntaxKind.PropertyDeclaration)
    .map((member) => member.getText().replace(/^(override )?(readonly )?|;$/g, ''))
    .filter((text) => !/^(code\b|#|private\b)/.test(text))
}
