import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { loadPolicy } from '@hotdash/llm-gateway'
import ts from 'typescript'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

type Block = { page: string; line: number; language: string; code: string }

/** Code on the pages, but for whole files of other SDKs: `npm run test:platforms` compiles those beside these SDKs. */
const blocks: Block[] = [
  'README.md',
  ...['gateway', 'ops', 'testing'].map((name) => `packages/${name}/README.md`),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
]
  .filter((page) => page.endsWith('.md') && !page.startsWith('docs/sdks/'))
  .flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8')
    return [...text.matchAll(/^ *```(\w+)\n(.*?)^ *```/gms)].map((match) => ({
      page,
      line: text.slice(0, match.index).split('\n').length + 1,
      language: match[1] ?? '',
      code: match[2] ?? '',
    }))
  })

const of = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language))
const where = ({ page, line }: Block) => `${page}:${line}`

/** `+` lines of a difference are the program that it leads to. */
const programOf = ({ language, code }: Block) =>
  language === 'diff' ? code.replaceAll(/^-.*$/gm, '').replaceAll(/^\+/gm, '') : code

/** Compiles each block as a module of its own. @returns the compiler's complaints, by page and line */
function complaintsOf(given: Block[]): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  }
  const files = new Map(
    given.map((block, at) => [
      join(root, `test/fixtures/page-${at}.mts`),
      { block, text: `${programOf(block)}\nexport {}\n` },
    ]),
  )
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.readFile = (name) => files.get(name)?.text ?? readFile(name)
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name)?.text
    return text === undefined ? getSourceFile(name, ...rest) : ts.createSourceFile(name, text, rest[0])
  }
  const names = ['page-names.d.ts', 'platform-modules.d.ts'].map((name) => join(root, 'test/fixtures', name))
  const program = ts.createProgram([...files.keys(), ...names], options, host)
  return [...program.getSyntacticDiagnostics(), ...program.getSemanticDiagnostics()].map(
    ({ file, start = 0, messageText }) => {
      const block = files.get(file?.fileName ?? '')?.block
      const words = ts.flattenDiagnosticMessageText(messageText, '\n')
      if (file === undefined || block === undefined) return `${file?.fileName}: ${words}`
      const line = block.line + file.getLineAndCharacterOfPosition(start).line
      return `${block.page}:${line}: ${words}`
    },
  )
}

/** Programs in JavaScript name their packages, and run as they are; their types are inferred too widely to be compiled. */
const isWhole = ({ language, code }: Block) => language === 'js' && code.includes('\nimport ')
/** Runs beside the file of an SDK: `npm run test:platforms` runs it there. */
const isOfSdks = ({ page }: Block) => page === 'docs/other-sdks.md'

test('TypeScript on the pages compiles against the published types', () => {
  const programs = of('ts', 'js', 'diff').filter((block) => !isWhole(block))
  expect(programs.length).toBeGreaterThan(25)
  expect(complaintsOf(programs)).toEqual([])
}, 120_000)

test('the search for mistakes on the pages finds one', () => {
  const code = "\ncreateGatewayClient({ gateway: { agnet: 'support' } })\n"
  expect(complaintsOf([{ page: 'a.md', line: 1, language: 'ts', code }])).toEqual([
    expect.stringMatching(/^a\.md:2: .*'agnet' does not exist/),
  ])
})

test.each(
  of('js')
    .filter((block) => isWhole(block) && !isOfSdks(block))
    .map((block) => [where(block), block.code]),
)('the program at %s runs: a miss, then the same answer from the cache for nothing', async (_, code) => {
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: root,
  })
  expect(stderr).toBe('')
  const [miss, first, exact, again] = stdout.trimEnd().split('\n')
  expect(miss).toMatch(/^ *miss\b.* \$?0\.0\d+$/)
  expect(exact).toMatch(/^ *exact\b.* \$?0$/)
  expect(again).toBe(first)
})

test('JSON on the pages is JSON, and a policy there is valid', () => {
  const found = of('json').map((block) => ({ block, value: JSON.parse(block.code) as object }))
  const policies = found.filter(({ value }) =>
    ['teams', 'agents', 'hostedTools', 'routing'].some((field) => field in value),
  )
  expect(policies.length).toBeGreaterThan(5)
  for (const { block, value } of policies) {
    // A page writes `<SHA-256>` where each reader has another one.
    const text = JSON.stringify(value).replaceAll('<SHA-256>', 'a'.repeat(64))
    expect(() => loadPolicy(JSON.parse(text)), where(block)).not.toThrow()
  }
})
