// Installs each SDK with the packed gateway and runs its example: text, stream, hit, tools, structured output,
// embeddings, abort, refusal. Names of SDKs: only those. Prints a table, and ends with 1 if a case fails.
import { deepEqual } from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Lab, newRoot, openLab, pack, type Tarballs } from '../platforms/lab.ts'
import { SDKS, type Sdk } from './sdks.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const GATEWAY = {
  '@hotdash/llm-gateway': 'tarball:gateway',
  '@hotdash/llm-gateway-testing': 'tarball:testing',
}
const COMPILER = [
  ...[here('../../node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--skipLibCheck'],
  ...['--module', 'nodenext', '--target', 'es2023', '--typeRoots', here('../../node_modules/@types')],
  ...['--types', 'node', 'agent.ts'],
]
/** Without `maxRetries: 0` an SDK would repeat the refusal. */
const REFUSED = { error: 'gateway_rpm_exceeded', attempts: 1 }

type Case = { name: string; run: (lab: Lab) => Promise<void> }

const names = process.argv.slice(2)
const chosen = SDKS.filter(({ name }) => names.length === 0 || names.includes(name))
const root = newRoot()
let passed = 0
let failed = 0
try {
  mkdirSync(join(root, 'tarballs'))
  const tarballs = await pack(join(root, 'tarballs'))
  console.log('| SDK | versions | case | result |\n|---|---|---|---|')
  for (const sdk of chosen) await runAll(sdk, tarballs)
} finally {
  rmSync(root, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

async function runAll(sdk: Sdk, tarballs: Tarballs): Promise<void> {
  const fixtures = [here('check.ts'), here('policy.json')]
  const lab = await openLab(root, sdk.name, tarballs, {
    packages: { ...GATEWAY, ...sdk.packages },
    fixtures,
  }).catch((error: unknown) => report(sdk, 'install', error))
  if (lab === undefined) return
  lab.write('agent.ts', readFileSync(here(`../../examples/sdks/${sdk.name}.ts`), 'utf8'))
  for (const { name, run } of casesOf(sdk))
    await run(lab).then(
      () => report(sdk, name),
      (error: unknown) => report(sdk, name, error),
    )
  rmSync(lab.folder, { recursive: true, force: true })
}

function casesOf({ tools = true, aborted = 'error' }: Sdk): Case[] {
  const usual = {
    text: 'hit',
    stream: 'hit',
    ...(tools && { tools: true }),
    structured: true,
    embeddings: true,
  }
  return [
    { name: 'types', run: compiles },
    {
      name: `text, stream, hits, ${tools ? 'tools, ' : ''}structured output, embeddings`,
      run: (lab) => sees(lab, 'usual', usual),
    },
    { name: 'refusal, told at once', run: (lab) => sees(lab, 'refused', REFUSED) },
    { name: 'refusal of a stream', run: (lab) => sees(lab, 'refused stream', REFUSED) },
    ...(aborted === false
      ? []
      : [{ name: 'abort', run: (lab: Lab) => sees(lab, 'aborted', { told: aborted, aborted: 1 }) }]),
  ]
}

async function compiles({ run }: Lab): Promise<void> {
  const { code, out, err } = await run('node', COMPILER)
  if (code !== 0) throw new Error(out.slice(0, 3_000) + err)
}

async function sees({ run }: Lab, name: string, expected: object): Promise<void> {
  const env = { CASE: name, ...(name.startsWith('refused') && { LLM_GATEWAY_POLICY: 'policy.json' }) }
  const { code, out, err } = await run('node', ['check.ts'], { env })
  const line = out.split('\n').findLast((each) => each.startsWith('{'))
  if (code !== 0 || line === undefined) throw new Error(`exit code ${code}: ${out}${err.slice(-3_000)}`)
  deepEqual(JSON.parse(line), expected)
}

function report({ name, versions }: Sdk, what: string, error?: unknown): undefined {
  if (error === undefined) passed += 1
  else {
    failed += 1
    console.error(error)
  }
  console.log(`| ${name} | ${versions} | ${what} | ${error === undefined ? 'ok' : 'FAILED'} |`)
}
