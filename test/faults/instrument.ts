import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

const PACKAGE = fileURLToPath(new URL('../../packages/gateway/', import.meta.url))
const SOURCE = join(PACKAGE, 'src')

/** What handles faults, and must not be the place of one. */
const HANDLERS = new Set(['util/faults.ts', 'util/error-text.ts'])

/** Called at the start of each function of the gateway with its name and place; may throw. */
export type Probe = (point: string) => void
const PROBE = '__faultProbe'
type Probed = { [PROBE]?: Probe | undefined }

export const setProbe = (probe: Probe | undefined): void => {
  ;(globalThis as Probed)[PROBE] = probe
}

/**
 * Imports a copy of the gateway in which every function first calls the probe. A function that is added to the gateway
 * is a point of its own from then on, without a word here.
 */
export async function importInstrumented(): Promise<typeof import('@hotdash/llm-gateway')> {
  const target = join(PACKAGE, 'node_modules', '.faults', `${process.pid}`)
  rmSync(target, { recursive: true, force: true })
  for (const entry of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) write(entry, target)
  writeFileSync(join(target, 'package.json'), '{"type":"module"}')
  process.on('exit', () => rmSync(target, { recursive: true, force: true }))
  return await import(/* @vite-ignore */ pathToFileURL(join(target, 'index.js')).href)
}

function write(entry: string, target: string): void {
  const isScript = entry.endsWith('.lua')
  if (!isScript && (!entry.endsWith('.ts') || entry.endsWith('.test.ts') || entry.endsWith('.d.ts'))) return
  const text = readFileSync(join(SOURCE, entry), 'utf8')
  const path = join(target, isScript ? `${entry}.js` : entry.replace(/\.ts$/, '.js'))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, isScript ? `export default ${JSON.stringify(text)}` : compiled(entry, text))
}

function compiled(entry: string, text: string): string {
  const source = ts.createSourceFile(entry, text, ts.ScriptTarget.Latest, true)
  const insertions = HANDLERS.has(relative('.', entry)) ? [] : probes(source, entry)
  let probed = text
  for (const { at, insert } of insertions.sort((one, other) => other.at - one.at))
    probed = probed.slice(0, at) + insert + probed.slice(at)
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
    inlineSourceMap: true,
  }
  return ts
    .transpileModule(probed, { compilerOptions: options, fileName: entry })
    .outputText.replace(/\.lua'/g, ".lua.js'")
}

type Insertion = { at: number; insert: string }

function probes(source: ts.SourceFile, entry: string): Insertion[] {
  const found: Insertion[] = []
  visit(source)
  return found

  function visit(node: ts.Node) {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const body = node.body as ts.Block | ts.Expression
      const call = `globalThis.${PROBE}?.(${JSON.stringify(`${entry}:${lineOf(node)} ${nameOf(node)}`)})`
      if (ts.isBlock(body))
        found.push({ at: body.getStart() + 1, insert: `${isDerived(node) ? '' : `${call};`}` })
      else found.push({ at: body.getStart(), insert: `(${call}, ` }, { at: body.getEnd(), insert: ')' })
    }
    ts.forEachChild(node, visit)
  }

  function lineOf(node: ts.Node): number {
    return source.getLineAndCharacterOfPosition(node.getStart()).line + 1
  }
}

/** Nothing may come before `super`. */
const isDerived = (node: ts.Node) => ts.isConstructorDeclaration(node)

function nameOf(node: ts.Node): string {
  const { name, parent } = node as ts.Node & { name?: ts.Node }
  if (name !== undefined) return name.getText()
  const named = parent as ts.Node & { name?: ts.Node }
  return named.name?.getText().slice(0, 40) ?? 'callback'
}
