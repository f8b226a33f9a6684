import { parseArgs } from 'node:util'
import { UsageError } from '../core/command.ts'
import { isLoopback } from './authenticate.ts'
import type { UpstreamAccount } from './headers.ts'

/** Options of `llm-gateway serve`, from its arguments and environment. */
export type ServeOptions = {
  /** Address to listen on. @default '127.0.0.1' */
  host: string
  /** TCP port; 0: any free one. @default 4000 */
  port: number
  /** Base URL of the model's API, including `/v1`. */
  upstream: string
  account: UpstreamAccount
  /** Path of a policy as JSON. */
  policy: string | undefined
  /** Accepts callers on this machine without a team key. @default false */
  allowAnonymous: boolean
  /** Largest request body. @default 20 MiB */
  maxBodyBytes: number
  /** Most requests in flight. @default 1000 */
  maxRequests: number
  /** Time within which a request must arrive completely. @default 60 s */
  receiveTimeoutMs: number
  /** Time for requests in flight to finish after SIGTERM. @default 25 s */
  graceMs: number
  /** Time to keep accepting after SIGTERM, while readiness answers 503. @default 0 */
  shutdownDelayMs: number
}

/**
 * Parses the options of `llm-gateway serve`.
 *
 * @throws UsageError naming the option that is invalid
 */
export function parseServeOptions(argv: string[], env: NodeJS.ProcessEnv): ServeOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '4000' },
      upstream: { type: 'string', default: env.OPENAI_BASE_URL || 'https://api.openai.com/v1' },
      policy: { type: 'string' },
      'allow-anonymous': { type: 'boolean', default: false },
      'max-body': { type: 'string', default: '20' },
      'max-requests': { type: 'string', default: '1000' },
      'receive-timeout': { type: 'string', default: '60' },
      grace: { type: 'string', default: '25' },
      'shutdown-delay': { type: 'string', default: '0' },
    },
  })
  const key = env.OPENAI_API_KEY || undefined
  if (key === undefined && !env.LLM_GATEWAY_REDIS_URL)
    throw new UsageError(
      'OPENAI_API_KEY is not set: this server sends it upstream. (Or set LLM_GATEWAY_REDIS_URL and keep the key in Redis: llm-gateway keys --help.)',
    )
  const account: UpstreamAccount = { key }
  if (env.OPENAI_ORG_ID) account.organization = env.OPENAI_ORG_ID
  if (env.OPENAI_PROJECT_ID) account.project = env.OPENAI_PROJECT_ID
  const options: ServeOptions = {
    host: values.host,
    port: parseNumber('--port', values.port, 0, 65_535),
    upstream: parseAddress(values.upstream),
    account,
    policy: values.policy,
    allowAnonymous: values['allow-anonymous'],
    maxBodyBytes: Math.floor(parseNumber('--max-body', values['max-body'], 0.001, 1_000) * 1024 * 1024),
    maxRequests: parseNumber('--max-requests', values['max-requests'], 1, 1_000_000),
    receiveTimeoutMs: parseNumber('--receive-timeout', values['receive-timeout'], 0.1, 86_400) * 1_000,
    graceMs: parseNumber('--grace', values.grace, 0, 86_400) * 1_000,
    shutdownDelayMs: parseNumber('--shutdown-delay', values['shutdown-delay'], 0, 86_400) * 1_000,
  }
  assertServable(options)
  return options
}

function parseNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= min && value <= max) return value
  throw new UsageError(`${name} must be a number from ${min} to ${max}, not ${JSON.stringify(text)}.`)
}

function parseAddress(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError('--upstream (or OPENAI_BASE_URL) must be an http:// or https:// address.')
  return text.replace(/\/+$/, '')
}

function assertServable({ host, port, upstream, allowAnonymous }: ServeOptions): void {
  if (allowAnonymous && !isLoopback(host))
    throw new UsageError(
      `--allow-anonymous is for this machine alone, and ${host} can be reached from others: use team keys instead.`,
    )
  const { hostname, port: upstreamPort } = new URL(upstream)
  const there = hostname.replace(/^\[(.*)\]$/, '$1')
  if (upstreamPort === String(port) && (there === host || (isLoopback(there) && isLoopback(host))))
    throw new UsageError(
      `Upstream ${upstream} is this server itself. Only agents set OPENAI_BASE_URL to this server; for the server itself it (or --upstream) must point at the model's API.`,
    )
}
