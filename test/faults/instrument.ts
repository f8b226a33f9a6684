import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
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
 * is a point of its own from then on, without a word here. The copy is made once for all test files: to compile it takes
 * minutes on a busy machine.
 */
export async function importInstrumented(): Promise<typeof import('@hotdash/llm-gateway')> {
  const copies = join(PACKAGE, 'node_modules', '.faults')
  const target = join(copies, nameOfSources())
  if (!existsSync(target)) {
    removeOld(copies)
    const own = `${target}.${process.pid}`
    for (const entry of entries()) write(entry, own)
    writeFileSync(join(own, 'package.json'), '{"type":"module"}')
    try {
      renameSync(own, target)
    } catch {
      // Another process was first.
      rmSync(own, { recursive: true, force: true })
    }
  }
  return await import(/* @vite-ignore */ pathToFileURL(join(target, 'index.js')).href)
}

const entries = () => readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).sort()

/** Returns a name that changes with any source, and with the way in which copies are made. */
function nameOfSources(): string {
  const all = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)))
  for (const entry of entries())
    if (entry.endsWith('.ts') || entry.endsWith('.lua'))
      all.update(entry).update(readFileSync(join(SOURCE, entry)))
  return all.digest('hex').slice(0, 16)
}

const OLD_MS = 3_600_000

/** Removes copies of other sources, unless a run may still use them. */
function removeOld(copies: string): void {
  mkdirSync(copies, { recursive: true })
  for (const name of readdirSync(copies)) {
    const path = join(copies, name)
    if (Date.now() - statSync(path).mtimeMs > OLD_MS) rmSync(path, { recursive: true, force: true })
  }
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
