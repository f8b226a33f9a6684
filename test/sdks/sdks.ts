import type { Packages } from '../platforms/lab.ts'

/** An SDK that agents are written with, and what it does in the cases of check.ts. */
export type Sdk = {
  /** Name of the example in examples/sdks and of the page in docs/sdks. */
  name: string
  /** Versions for the table. */
  versions: string
  packages: Packages
  /** Has tools of its own. @default true */
  tools?: boolean
  /** What its caller is told after an abort; `false`: a call cannot be aborted. @default 'error' */
  aborted?: 'error' | 'no text' | false
}

const OPENAI = { openai: '7.59.0' }
const ZOD = { zod: '4.6.7' }

export const SDKS: Sdk[] = [
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
    tools: false,
  },
]
