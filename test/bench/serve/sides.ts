import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Policy } from '@hotdash/llm-gateway'
import { startLitellm } from '../../litellm/proxy.ts'
import { litellmConfig } from '../../litellm/support.ts'
import type { RedisServer } from '../../redis/server.ts'
import { until } from '../../until.ts'
import { type Usage, usageOf } from './family.ts'

/** Something that answers as OpenAI does. */
export type Side = {
  name: string
  port: number
  key: string
  /** Whether these headers are those of an answer from its cache. */
  isHit: (head: string) => boolean
  /** `undefined`: the process is not measured, or the operating system does not report its usage. */
  usage: () => Usage | undefined
  close: () => Promise<void>
}

const BIN = fileURLToPath(new URL('../../../packages/ops/bin/llm-gateway.js', import.meta.url))
export const KEY = 'sk-bench'
const never = () => false
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** Both know the key, the models and the prices, count the team's requests and tokens in Redis, and never say no. */
const unlimited: Policy = {
  routing: { default: 'gpt-4o-mini', escalate: { above: 2_000, to: 'gpt-4o' }, fallback: 'gpt-4o' },
  models: {
    'gpt-4o-mini': { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 16_384 },
    'gpt-4o': { input: 2.5, cachedInput: 1.25, output: 10, maxOutput: 16_384 },
  },
  teams: { bench: { agents: ['bench'], rpm: 100_000_000, tpm: 1_000_000_000_000, keys: [sha256(KEY)] } },
}

export const bare = (port: number): Side => ({
  name: 'bare upstream',
  port,
  key: KEY,
  isHit: never,
  usage: () => undefined,
  close: async () => undefined,
})

export async function serve(upstream: string, redis: RedisServer, policy = unlimited): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-bench-'))
  writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy))
  // The access log is written, as in production; the benchmark does not read it.
  const log = openSync(join(folder, 'log'), 'w')
  const args = ['serve', '--port', '0', '--policy', join(folder, 'policy.json'), '--upstream', upstream]
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ['ignore', log, 'pipe'],
    env: {
      PATH: process.env.PATH,
      OPENAI_API_KEY: 'bench',
      LLM_GATEWAY_REDIS_URL: `redis://127.0.0.1:${redis.port}/1`,
    },
  })
  let said = ''
  child.stderr?.on('data', (data) => {
    said += data
  })
  const port = () => Number(/listening on http:\/\/[^ ]*:(\d+)/.exec(said)?.[1] ?? 0)
  await until(() => port() > 0 || child.exitCode !== null, `the server listens: ${said}`)
  return {
    name: 'serve',
    port: port(),
    key: KEY,
    isHit: (head) => /^x-gateway-cache: exact\r$/im.test(head),
    usage: () => usageOf(child.pid ?? 0),
    async close() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
      closeSync(log)
      if (said.split('\n').length > 6) console.log(said)
      rmSync(folder, { recursive: true })
    },
  }
}

/** As its makers advise: one worker for each core, and no log below errors. */
export async function litellm(
  upstream: string,
  redis: RedisServer,
  workers: number,
  files = litellmConfig(unlimited, '--auth', 'file'),
): Promise<Side> {
  const proxy = await startLitellm(files, {
    upstream,
    redis,
    args: ['--num_workers', String(workers)],
    env: { LITELLM_LOG: 'ERROR', LITELLM_MODE: 'PRODUCTION' },
  })
  return {
    name: `LiteLLM, ${workers} worker${workers > 1 ? 's' : ''}`,
    port: proxy.port,
    key: KEY,
    isHit: (head) => /^x-litellm-cache-key: /im.test(head),
    usage: () => usageOf(proxy.pid),
    close: proxy.close,
  }
}

export const redisVersion = (info: string) => /^redis_version:(\S+)/m.exec(info)?.[1] ?? '?'

export const nodeModel = () => /^model name\s*: (.+)$/m.exec(safely('/proc/cpuinfo'))?.[1] ?? process.arch

function safely(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
