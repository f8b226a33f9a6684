import { deepEqual } from 'node:assert/strict'
import type { Lab, Options, Outcome } from './lab.ts'

/** What the cases of a platform run against. */
export type World = {
  /** Address of the fake OpenAI. */
  baseURL: string
  /** Returns an address of a real Redis that no other case uses. */
  redisUrl: () => string
}

export type Case = {
  name: string
  /** @throws if something does not hold. @returns a note for the table. */
  run: (lab: Lab, world: World) => Promise<string | undefined>
}

/** One folder with the packages of a platform, and what must hold in it. */
export type Platform = Options & {
  name: string
  /** Versions for the table. */
  versions: string
  /** Whether `--quick` runs it. */
  isQuick?: boolean
  cases: Case[]
}

/** What `fixtures/exercise.cjs` sees where everything works. */
const EXPECTED = {
  whole: 'miss',
  hit: 'exact',
  streamedHit: true,
  stream: true,
  streamedHead: 'exact text/event-stream; charset=utf-8',
  rawStream: true,
  helper: true,
  tools: true,
  responses: true,
  embeddings: 1536,
  isClient: true,
  child: true,
  sharedHit: true,
  interrupted: true,
  refusal: 'true 429 gateway_rpm_exceeded',
  flushed: true,
  closed: true,
  unpriced: 0,
  faults: 0,
  warnings: [],
}

/** @throws unless the program ended with 0 and the agent saw all that it should. */
export function expectAgent({ code, out, err }: Outcome, redis: 'up' | 'none' = 'up'): undefined {
  const line = out.split('\n').findLast((each) => each.startsWith('{'))
  if (code !== 0 || line === undefined)
    throw new Error(`exit code ${code}: ${err.slice(-2_000)}${out.slice(-500)}`)
  deepEqual(JSON.parse(line), { ...EXPECTED, redis, redisHits: redis === 'up' ? 1 : 0 })
}

/** Environment of an agent. */
export const agentEnv = ({ baseURL, redisUrl }: World): Record<string, string> => ({
  OPENAI_BASE_URL: baseURL,
  REDIS_URL: redisUrl(),
})

/** The gateway and the newest supported `openai`. */
export const GATEWAY = { '@hotdash/llm-gateway': 'tarball:gateway', openai: '7.59.0' }

export const AGENT = ['exercise.cjs', 'agent.mjs', 'agent.cjs']
