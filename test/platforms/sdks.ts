import { deepEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Lab, Packages } from './lab.ts'
import type { Case, Platform } from './platform.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** An SDK that agents are written with, and what it does in the cases of fixtures/sdk/check.ts. */
type Sdk = {
  /** Name of the example in examples/sdks and of the page in docs/sdks. */
  name: string
  /** Versions for the table. */
  versions: string
  packages: Packages
  /** What its caller is told after an abort; `false`: a call cannot be aborted. @default 'error' */
  aborted?: 'error' | 'no text' | false
}

const GATEWAY = {
  '@hotdash/llm-gateway': 'tarball:gateway',
  '@hotdash/llm-gateway-testing': 'tarball:testing',
}
const OPENAI = { openai: '7.59.0' }
const ZOD = { zod: '4.6.7' }

const SDKS: Sdk[] = [
  {
    name: 'vercel-ai',
    versions: 'ai 7.0.173, @ai-sdk/openai 4.0.118',
    packages: { ...OPENAI, ...ZOD, ai: '7.0.173', '@ai-sdk/openai': '4.0.118' },
  },
  {
    name: 'langchain',
    versions: '@langchain/openai 1.6.0, @langchain/core 1.2.13',
    packages: { ...OPENAI, ...ZOD, '@langchain/openai': '1.6.0', '@langchain/core': '1.2.13' },
  },
  {
    name: 'openai-agents',
    versions: '@openai/agents 0.20.0',
    packages: { ...OPENAI, ...ZOD, '@openai/agents': '0.20.0' },
  },
  {
    name: 'llamaindex',
    versions: 'llamaindex 0.12.1, @llamaindex/openai 0.4.22',
    packages: { ...OPENAI, ...ZOD, llamaindex: '0.12.1', '@llamaindex/openai': '0.4.22' },
    aborted: false,
  },
  {
    name: 'mastra',
    versions: '@mastra/core 1.71.0, @ai-sdk/openai 3.0.141',
    packages: { ...OPENAI, ...ZOD, '@mastra/core': '1.71.0', '@ai-sdk/openai': '3.0.141' },
    aborted: 'no text',
  },
  {
    name: 'instructor',
    versions: '@instructor-ai/instructor 1.7.0',
    packages: { ...OPENAI, zod: '3.25.76', '@instructor-ai/instructor': '1.7.0' },
  },
]

const COMPILER = [
  ...[here('../../node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--skipLibCheck'],
  ...['--module', 'nodenext', '--target', 'es2023', '--typeRoots', here('../../node_modules/@types')],
  ...['--types', 'node', 'agent.ts'],
]
/** Without `maxRetries: 0` an SDK would repeat the refusal. */
const REFUSED = { error: 'gateway_rpm_exceeded', attempts: 1 }

/** The examples of examples/sdks, each installed with the packed gateway. */
export const sdks: Platform[] = SDKS.map((sdk) => ({
  name: `sdk-${sdk.name}`,
  versions: sdk.versions,
  isQuick: true,
  packages: { ...GATEWAY, ...sdk.packages },
  fixtures: ['sdk/check.ts', 'sdk/policy.json'],
  cases: casesOf(sdk),
}))

function casesOf({ name, aborted = 'error' }: Sdk): Case[] {
  const usual = {
    text: 'hit',
    stream: 'hit',
    tools: true,
    structured: true,
    embeddings: true,
  }
  return [
    { name: 'types', run: (lab) => compiles(lab, name) },
    { name: 'the program of docs/other-sdks.md: an answer, and again from the cache', run: tries },
    {
      name: 'text, stream, hits, tools, structured output, embeddings',
      run: (lab) => sees(lab, 'usual', usual),
    },
    { name: 'refusal, told at once', run: (lab) => sees(lab, 'refused', REFUSED) },
    { name: 'refusal of a stream', run: (lab) => sees(lab, 'refused stream', REFUSED) },
    ...(aborted === false
      ? []
      : [{ name: 'abort', run: (lab: Lab) => sees(lab, 'aborted', { told: aborted, aborted: 1 }) }]),
  ]
}

/** Puts the example where the other cases import it, and checks its types. */
async function compiles({ run, write }: Lab, name: string): Promise<undefined> {
  write('agent.ts', readFileSync(here(`../../examples/sdks/${name}.ts`), 'utf8'))
  const { code, out, err } = await run('node', COMPILER)
  if (code !== 0) throw new Error(out.slice(0, 3_000) + err)
}

async function tries({ run, write }: Lab): Promise<undefined> {
  const page = readFileSync(here('../../docs/other-sdks.md'), 'utf8')
  write('try.mjs', /^```js\n(\/\/ try\.mjs.*?)^```/ms.exec(page)?.[1] ?? '')
  const { code, out, err } = await run('node', ['try.mjs'])
  const [first, asked, again, ...rest] = out.trimEnd().split('\n')
  deepEqual([code, asked, again, rest], [0, '  calls to OpenAI: 1', first, ['  calls to OpenAI: 1']], err)
}

async function sees({ run }: Lab, name: string, expected: object): Promise<undefined> {
  const env = { CASE: name, ...(name.startsWith('refused') && { LLM_GATEWAY_POLICY: 'policy.json' }) }
  const { code, out, err } = await run('node', ['check.ts'], { env })
  const line = out.split('\n').findLast((each) => each.startsWith('{'))
  if (code !== 0 || line === undefined) throw new Error(`exit code ${code}: ${out}${err.slice(-3_000)}`)
  deepEqual(JSON.parse(line), expected)
}
