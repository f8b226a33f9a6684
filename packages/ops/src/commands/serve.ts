import { setFlagsFromString } from 'node:v8'
import { createGateway, type Gateway } from '@hotdash/llm-gateway'
import { UsageError } from '../command.ts'
import { createCallers, isLoopback } from '../serve/callers.ts'
import { type AccessLog, createAccessLog, createSay, type Say } from '../serve/log.ts'
import { optionsFrom, type ServeOptions } from '../serve/options.ts'
import { type Serving, startServer } from '../serve/server.ts'

export const summary = 'the gateway as an HTTP server, for agents in Python and other languages'

export const help = `llm-gateway serve: ${summary}.

An agent keeps its OpenAI client and changes two variables:
  OPENAI_BASE_URL=http://127.0.0.1:4000/v1
  OPENAI_API_KEY=<its team key>
The real key stays here, or in Redis (llm-gateway keys). Cache, limits, routing and records are those of the policy.

Usage: OPENAI_API_KEY=sk-... llm-gateway serve [options]

  --host ADDRESS           where to listen (127.0.0.1)
  --port NUMBER            (4000)
  --upstream URL           the model's API (OPENAI_BASE_URL, or https://api.openai.com/v1)
  --policy FILE            a policy as JSON (LLM_GATEWAY_POLICY, or HotDash's own)
  --allow-anonymous        let in programs on this machine that show no team key
  --max-body MB            the largest request (20)
  --max-requests NUMBER    how many may be under way at a time (1000)
  --receive-timeout S      how long a request may take to arrive (60)
  --grace S                how long streams may finish after SIGTERM (25)
  --shutdown-delay S       how long to go on after SIGTERM while /health/readiness says 503 (0)

Team keys: a team lists the SHA-256 of each of its keys in the policy. To make one:
  key=sk-team-$(openssl rand -hex 24); echo "$key"; printf %s "$key" | sha256sum

Environment: OPENAI_API_KEY (also OPENAI_ORG_ID, OPENAI_PROJECT_ID), LLM_GATEWAY_REDIS_URL, SUPABASE_URL and the
rest of what the gateway knows. The access log goes to stdout, one line of JSON for each request; all else to stderr.

/health/liveliness and /health/readiness need no key. docs/serve.md tells the rest.`

/**
 * How far beyond what is in use the heap may grow before it is swept: a sidecar stands beside an agent, and V8 left to
 * itself lets it grow to several times that where the machine has the memory. A bound would end the process instead.
 */
const HEAP_GROWS_BY = '--heap-growing-percent=50'

/** A hung sink must not keep an ended server from ending. */
const LAST_WORDS_MS = 2_000

export async function run(argv: string[]): Promise<number> {
  const options = optionsFrom(argv, process.env)
  setFlagsFromString(HEAP_GROWS_BY)
  const say = createSay(process.stderr)
  const gateway = createGateway({
    // Strangers' calls, under this server's key: none leaves unchecked.
    failClosed: true,
    // stdout belongs to the access log.
    logger: { warn: console.warn, info: console.warn },
    ...(options.policy !== undefined && { policy: options.policy }),
    ...(options.account.key === undefined && { custody: { origin: options.upstream } }),
  })
  const log = createAccessLog(process.stdout)
  const serving = await start(gateway, options, log, say).catch(async (error: unknown) => {
    await gateway.close(0)
    throw error
  })
  const signal = await asked()
  say(`${signal}: ${serving.underWay()} under way may finish for ${options.graceMs / 1_000} s`)
  const cut = await serving.stop()
  if (cut > 0) say(`${cut} did not finish in time and were cut off`)
  if (!(await gateway.close())) say('not all records were delivered')
  if (log.dropped() > 0) say(`${log.dropped()} lines of the access log could not be written`)
  say('done')
  setTimeout(() => process.exit(0), LAST_WORDS_MS).unref()
  return 0
}

async function start(gateway: Gateway, options: ServeOptions, log: AccessLog, say: Say): Promise<Serving> {
  // Team keys may be in the live policy alone.
  await gateway.ready()
  const keys = createCallers(gateway.policy, false).keys()
  if (keys === 0 && !options.allowAnonymous) throw new UsageError(NO_KEYS)
  const serving = await startServer(gateway, options, log, say)
  const { host, upstream, allowAnonymous } = options
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${serving.port}`
  const who = keys === 1 ? '1 team key' : `${keys} team keys`
  say(`listening on ${address}, for ${who}; upstream is ${withoutSecrets(upstream)}`)
  if (allowAnonymous) say(ANONYMOUS)
  if (!isLoopback(host))
    say(
      'this is plain HTTP: keys and questions can be read on the way, unless something in front encrypts it',
    )
  return serving
}

const NO_KEYS = `The policy lists no team key, so nobody could be let in.
Give a team the SHA-256 of a key ("keys" in the policy), or say --allow-anonymous to try it on this machine.`

const ANONYMOUS =
  'WARNING: --allow-anonymous: every program on this machine may spend the budget of any team. For development only.'

function withoutSecrets(address: string): string {
  const { origin, pathname } = new URL(address)
  return `${origin}${pathname}`
}

/** The second signal ends it at once. */
function asked(): Promise<NodeJS.Signals> {
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
