import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import type { Gateway } from '@hotdash/llm-gateway'
import { counted } from '../cli/format.ts'
import { UsageError } from '../core/command.ts'
import { createAuthenticator, isLoopback } from './authenticate.ts'
import { type AccessLog, createAccessLog, createLogger, type Logger } from './log.ts'
import { parseServeOptions, type ServeOptions } from './options.ts'
import { type RunningServer, startServer } from './server.ts'

export const summary = 'runs the gateway as an HTTP server, for agents in Python and other languages'

export const help = `llm-gateway serve: ${summary}.

An agent keeps its OpenAI client and sets two variables:
  OPENAI_BASE_URL=http://127.0.0.1:4000/v1
  OPENAI_API_KEY=<its team key>
OpenAI's key stays with this server, or in Redis (llm-gateway keys). The policy sets cache, limits and routing.

Usage: OPENAI_API_KEY=sk-... llm-gateway serve [options]

  --host ADDRESS           address to listen on (127.0.0.1)
  --port NUMBER            TCP port; 0: any free one (4000)
  --upstream URL           base URL of the model's API (OPENAI_BASE_URL, or https://api.openai.com/v1)
  --policy FILE            policy as JSON (LLM_GATEWAY_POLICY, or HotDash's own)
  --allow-anonymous        accepts programs on this machine without a team key
  --max-body MB            largest request body, in MiB (20)
  --max-requests NUMBER    most requests in flight; more get 503 (1000)
  --receive-timeout S      seconds within which a request must arrive (60)
  --grace S                seconds for requests in flight to finish after SIGTERM (25)
  --shutdown-delay S       seconds to keep accepting after SIGTERM, while /health/readiness answers 503 (0)

Team keys: a team lists the SHA-256 of each of its keys in the policy. To make one:
  key=sk-team-$(openssl rand -hex 24); echo "$key"; printf %s "$key" | sha256sum

Environment: OPENAI_API_KEY (also OPENAI_ORG_ID, OPENAI_PROJECT_ID), LLM_GATEWAY_REDIS_URL, SUPABASE_URL and the other
variables of the gateway. The access log goes to stdout, one line of JSON for each request; all else goes to stderr.

/health/liveliness and /health/readiness need no key. Details: docs/serve.md`

/**
 * Lets the heap grow by 50 % between two garbage collections. By default V8 lets it grow to several times the live size
 * where the machine has the memory, which the agent beside this server may need. A hard limit would crash the process.
 */
const HEAP_GROWTH_FLAG = '--heap-growing-percent=50'

/** Time after which the process exits although a sink still holds it open. */
const EXIT_TIMEOUT_MS = 2_000

export async function run(argv: string[]): Promise<number> {
  const options = parseServeOptions(argv, process.env)
  setFlagsFromString(HEAP_GROWTH_FLAG)
  const logger = createLogger(process.stderr)
  const { createGateway } = await import('@hotdash/llm-gateway')
  const gateway = createGateway({
    // Calls of other programs use this server's key, so a fault of the gateway must never send one unchecked.
    failClosed: true,
    // stdout belongs to the access log.
    logger: { warn: console.warn, info: console.warn },
    ...(options.policy !== undefined && { policy: options.policy }),
    ...(options.account.key === undefined && { custody: { origin: options.upstream } }),
  })
  const accessLog = createAccessLog(process.stdout)
  const server = await start(gateway, options, accessLog, logger).catch(async (error: unknown) => {
    await gateway.close(0)
    throw error
  })
  const signal = await shutdownSignal()
  logger(`${signal}: ${server.inFlight()} under way may finish for ${options.graceMs / 1_000} s`)
  const cutOff = await server.stop()
  if (cutOff > 0) logger(`${cutOff} did not finish in time and were cut off`)
  if (!(await gateway.close())) logger('not all records were delivered')
  if (accessLog.dropped() > 0)
    logger(`${counted(accessLog.dropped(), 'line')} of the access log could not be written`)
  logger('done')
  setTimeout(() => process.exit(0), EXIT_TIMEOUT_MS).unref()
  return 0
}

async function start(
  gateway: Gateway,
  options: ServeOptions,
  accessLog: AccessLog,
  logger: Logger,
): Promise<RunningServer> {
  const keys = await countTeamKeys(gateway, options, logger)
  if (keys === 0 && !options.allowAnonymous) throw new UsageError(NO_KEYS)
  const server = await startServer(gateway, options, accessLog, logger)
  const { host, upstream, allowAnonymous } = options
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`
  const audience = keys === 1 ? '1 team key' : `${keys} team keys`
  logger(`listening on ${address}, for ${audience}; upstream is ${withoutSecrets(upstream)}`)
  if (allowAnonymous) logger(ANONYMOUS)
  if (!isLoopback(host))
    logger('this is plain HTTP: without a TLS proxy in front, keys and questions can be read on the network')
  return server
}

/** Longest wait for team keys at the start, in milliseconds: Redis may start at the same time, or answer late. */
const KEYS_MS = 15_000

/** Counts the team keys. The live policy may be the only one that lists any, so that without a key its Redis is waited for. */
async function countTeamKeys(gateway: Gateway, options: ServeOptions, logger: Logger): Promise<number> {
  const count = () => createAuthenticator(gateway.policy, false).keyCount()
  await gateway.ready()
  const { redis, policy } = gateway.stats()
  if (count() > 0 || options.allowAnonymous || redis === undefined || policy.version > 0) return count()
  logger(`waiting up to ${KEYS_MS / 1_000} s for a live policy with team keys in Redis`)
  const until = performance.now() + KEYS_MS
  while (count() === 0 && performance.now() < until) await sleep(100)
  return count()
}

const NO_KEYS = `The policy lists no team key, so every request would be refused.
Give a team the SHA-256 of a key ("keys" in the policy), or use --allow-anonymous to try it on this machine.`

const ANONYMOUS =
  'WARNING: --allow-anonymous: every program on this machine may spend the budget of any team. For development only.'

function withoutSecrets(address: string): string {
  const { origin, pathname } = new URL(address)
  return `${origin}${pathname}`
}

/** Resolves at the first SIGTERM or SIGINT. A second one exits at once with code 1. */
function shutdownSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let times = 0
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.on(signal, () => {
        times += 1
        if (times > 1) process.exit(1)
        resolve(signal)
      })
  })
}
