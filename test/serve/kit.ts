import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Policy } from '@hotdash/llm-gateway'
import { type FakeOpenAI, type FakeOpenAIOptions, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { BIN, programEnv } from '../command.ts'
import { until } from '../until.ts'

/** The only key that upstream accepts; no caller ever has it. */
export const UPSTREAM_KEY = 'sk-upstream-0123456789abcdefghijkl'

/** Team keys, by team. */
export const KEYS = {
  alpha: 'sk-team-alpha-0123456789abcdef',
  beta: 'sk-team-beta-0123456789abcdef',
  few: 'sk-team-few-0123456789abcdef',
  poor: 'sk-team-poor-0123456789abcdef',
  small: 'sk-team-small-0123456789abcdef',
} as const
export type Team = keyof typeof KEYS

const price = { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 16_384 }
const keys = (team: Team) => [createHash('sha256').update(KEYS[team]).digest('hex')]

export const policy: Policy = {
  routing: {
    default: 'gpt-4o-mini',
    embeddings: 'text-embedding-3-small',
    escalate: { above: 2_000, to: 'gpt-4o' },
    fallback: 'gpt-4o',
  },
  models: {
    'gpt-4o-mini': price,
    'gpt-4o': { input: 2.5, cachedInput: 1.25, output: 10, maxOutput: 16_384 },
    'gpt-3.5-turbo-instruct': { input: 1.5, output: 2, maxOutput: 4_096 },
    'text-embedding-3-small': { input: 0.02, output: 0, maxOutput: 0 },
  },
  teams: {
    alpha: { agents: ['support', 'ai-customer'], rpm: 10_000, tpm: 100_000_000, keys: keys('alpha') },
    beta: { agents: ['ads'], models: ['gpt-4o-mini'], keys: keys('beta') },
    few: { agents: ['seo'], rpm: 1, keys: keys('few') },
    poor: { agents: ['content'], usdPerDay: 0.000_001, keys: keys('poor') },
    small: { agents: ['inventory'], tpm: 50, keys: keys('small') },
  },
}

export type Served = {
  baseURL: string
  port: number
  child: ChildProcess
  /** Returns the text printed since the start. */
  out: () => string
  err: () => string
  lines: () => Record<string, unknown>[]
  /** Resolves with the exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals | null>
}

/** Ends what a test has begun, last first. */
export function createCleanup() {
  const jobs: (() => unknown)[] = []
  return {
    after: (job: () => unknown) => void jobs.push(job),
    async run() {
      for (const job of jobs.splice(0).reverse()) await job()
    },
  }
}
export type Cleanup = ReturnType<typeof createCleanup>

export async function fake(cleanup: Cleanup, options: FakeOpenAIOptions = {}): Promise<FakeOpenAI> {
  const upstream = await startFakeOpenAI({ tokens: 'approximate', apiKeys: [UPSTREAM_KEY], ...options })
  cleanup.after(() => upstream.close())
  return upstream
}

export type How = { flags?: string[]; env?: NodeJS.ProcessEnv; policy?: Policy; upstream: string }

/** The command as an operator starts it, in a process of its own, once it listens. */
export async function serve(
  cleanup: Cleanup,
  { flags = [], env = {}, policy: given = policy, upstream }: How,
): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-serve-'))
  const file = join(folder, 'policy.json')
  writeFileSync(file, JSON.stringify(given))
  const args = [BIN, 'serve', '--port', '0', '--policy', file, '--upstream', upstream, ...flags]
  const child = spawn(process.execPath, args, {
    env: programEnv({ OPENAI_API_KEY: UPSTREAM_KEY, ...env }),
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', (data) => {
    said.out += data
  })
  child.stderr.on('data', (data) => {
    said.err += data
  })
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal)),
  )
  cleanup.after(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true })
  })
  const port = () => Number(/listening on http:\/\/[^ ]*:(\d+)/.exec(said.err)?.[1] ?? 0)
  await until(() => port() > 0 || child.exitCode !== null, 'the server listens or ends')
  return {
    baseURL: `http://127.0.0.1:${port()}/v1`,
    port: port(),
    child,
    out: () => said.out,
    err: () => said.err,
    lines: () =>
      said.out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    ended,
  }
}
