import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '../redis/server.ts'

export type LitellmProxy = {
  /** Without `/v1`. */
  url: string
  port: number
  pid: number
  masterKey: string
  log: () => string
  close: () => Promise<void>
}

const START_MS = 100_000

export type Under = {
  /** Whatever speaks OpenAI. */
  upstream: string
  redis: RedisServer
  /** Further arguments of its program. */
  args?: string[]
  env?: NodeJS.ProcessEnv
}

/** The real proxy, over files that `llm-gateway litellm-config` made. */
export async function startLitellm(
  files: Record<string, string>,
  { upstream, redis, args = [], env = {} }: Under,
): Promise<LitellmProxy> {
  const program = process.env.TEST_LITELLM
  if (program === undefined) throw new Error('Run these tests with: npm run test:litellm')
  const folder = mkdtempSync(join(tmpdir(), 'gateway-litellm-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const port = await freePort()
  const masterKey = 'sk-master-of-the-tests'
  const logFile = join(folder, 'log')
  const out = createWriteStream(logFile)
  await new Promise((resolve) => out.once('open', resolve))
  const { DATABASE_URL: _, ...rest } = process.env
  const where = ['--config', 'config.yaml', '--host', '127.0.0.1', '--port', String(port)]
  const child = spawn(program, [...where, ...args], {
    cwd: folder,
    stdio: ['ignore', out, out],
    // Workers are its children, and end with it.
    detached: true,
    env: {
      ...rest,
      OPENAI_API_KEY: 'upstream-key',
      OPENAI_BASE_URL: upstream,
      LITELLM_MASTER_KEY: masterKey,
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(redis.port),
      REDIS_PASSWORD: '',
      // It would otherwise fetch prices, and tell its makers that it runs.
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      LITELLM_TELEMETRY: 'False',
      NO_DOCS: 'True',
      ...env,
    },
  })
  const killed = () => killAll(child)
  process.once('exit', killed)
  let exit: number | null | undefined
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code) => {
      exit = code
      resolve()
    })
  })
  const log = () => readFileSync(logFile, 'utf8')
  const url = `http://127.0.0.1:${port}`
  const deadline = performance.now() + START_MS
  while (!(await isReady(url))) {
    if (exit !== undefined || performance.now() > deadline) {
      killAll(child)
      throw new Error(`LiteLLM did not start:\n${log().slice(-4_000)}`)
    }
    await sleep(250)
  }
  return {
    url,
    port,
    pid: child.pid ?? 0,
    masterKey,
    log,
    async close() {
      process.off('exit', killed)
      killAll(child)
      await gone
      out.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** With its workers. */
function killAll({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

const isReady = (url: string) =>
  fetch(`${url}/health/readiness`).then(
    ({ ok }) => ok,
    () => false,
  )

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
