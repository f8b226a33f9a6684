import { readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Packages with public types, by the name of their report. */
export const PACKAGES = {
  'llm-gateway': 'packages/gateway',
  'llm-gateway-testing': 'packages/testing',
} as const
export type PackageName = keyof typeof PACKAGES

export const reportFile = (name: PackageName) => join(root, 'api', `${name}.api.md`)

/**
 * Reports the public types of a package from its built declarations: for each entry point its exports, then the types of
 * the package that those refer to without exporting them. Comments are left out.
 */
export function reportOf(name: PackageName): string {
  const folder = join(root, PACKAGES[name])
  const entries = entriesOf(folder)
  const program = ts.createProgram(Object.values(entries), {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    types: ['node'],
    skipLibCheck: true,
  })
  const checker = program.getTypeChecker()
  const printer = ts.createPrinter({ removeComments: true })
  const own = join(folder, 'dist') + sep
  const isOwn = (node: ts.Node) => node.getSourceFile().fileName.replaceAll('/', sep).startsWith(own)

  const resolved = (symbol: ts.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const declared = (symbol: ts.Symbol) => (symbol.declarations ?? []).filter(isOwn).map(statementOf)
  const textOf = (symbol: ts.Symbol) =>
    [...new Set(declared(symbol))]
      .map((node) => printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()))
      .map((text) => text.replace(/^(export )?(declare )?/, ''))
      .join('\n')

  const exported = new Set<ts.Symbol>()
  const sections = Object.entries(entries).map(([entry, file]) => {
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    if (module === undefined) throw new Error(`${file} is no module: run npm run build`)
    const symbols = checker.getExportsOfModule(module).toSorted(byName)
    const texts = symbols.map((symbol) => {
      const target = resolved(symbol)
      exported.add(target)
      const alias = symbol.name === target.name ? '' : `// exported as ${symbol.name}\n`
      return `${alias}${textOf(target)}`
    })
    return section(entry, texts)
  })

  const hidden = new Set<ts.Symbol>()
  for (const symbol of exported) for (const node of declared(symbol)) collect(node)
  const texts = [...hidden].toSorted(byName).map(textOf)
  return [`# API of @hotdash/${name}`, HEAD, ...sections, section('not exported', texts)].join('\n\n')

  /** Follows the names in a declaration to the package's own types. */
  function collect(node: ts.Node): void {
    if (ts.isIdentifier(node)) {
      const found = checker.getSymbolAtLocation(node)
      const symbol = found && resolved(found)
      const isType = symbol !== undefined && (symbol.flags & TYPES) !== 0
      if (isType && !exported.has(symbol) && !hidden.has(symbol) && declared(symbol).length > 0) {
        hidden.add(symbol)
        for (const each of declared(symbol)) collect(each)
      }
    }
    ts.forEachChild(node, collect)
  }
}

const TYPES = ts.SymbolFlags.TypeAlias | ts.SymbolFlags.Interface | ts.SymbolFlags.Class | ts.SymbolFlags.Enum

const HEAD =
  'Public types, generated from the built declarations by `npm run api`; `test/api.test.ts` compares. Review each change.'

const byName = (one: ts.Symbol, other: ts.Symbol) => (one.name < other.name ? -1 : 1)

const section = (title: string, texts: string[]) =>
  texts.length === 0 ? `## ${title}\n\nNone.\n` : `## ${title}\n\n\`\`\`ts\n${texts.join('\n')}\n\`\`\`\n`

/** A variable's declaration is part of a statement, which says `const`. */
function statementOf(node: ts.Node): ts.Node {
  return ts.isVariableDeclaration(node) ? node.parent.parent : node
}

/** Declarations of each entry point, by its path in `exports`. */
function entriesOf(folder: string): Record<string, string> {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { import: { types: string } }>
  }
  return Object.fromEntries(
    Object.entries(exports).flatMap(([entry, at]) =>
      typeof at === 'string' ? [] : [[entry, join(folder, at.import.types)]],
    ),
  )
}
