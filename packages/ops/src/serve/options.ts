import { parseArgs } from 'node:util'
import { UsageError } from '../core/command.ts'
import { isLoopback } from './authenticate.ts'
import type { Account } from './headers.ts'

export type ServeOptions = {
  host: string
  port: number
  /** Where the model is, with its `/v1`. */
  upstream: string
  account: Account
  policy: string | undefined
  allowAnonymous: boolean
  maxBodyBytes: number
  maxRequests: number
  /** How long a request may take to arrive. */
  receiveMs: number
  graceMs: number
  shutdownDelayMs: number
}

/** @throws UsageError for what cannot be served, naming the option. */
export function optionsFrom(argv: string[], env: NodeJS.ProcessEnv): ServeOptions {
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
      'OPENAI_API_KEY is not set: it is the key this server asks upstream with. (Or set LLM_GATEWAY_REDIS_URL, and keep it there: llm-gateway keys --help.)',
    )
  const account: Account = { key }
  if (env.OPENAI_ORG_ID) account.organization = env.OPENAI_ORG_ID
  if (env.OPENAI_PROJECT_ID) account.project = env.OPENAI_PROJECT_ID
  const options: ServeOptions = {
    host: values.host,
    port: number('--port', values.port, 0, 65_535),
    upstream: addressOf(values.upstream),
    account,
    policy: values.policy,
    allowAnonymous: values['allow-anonymous'],
    maxBodyBytes: Math.floor(number('--max-body', values['max-body'], 0.001, 1_000) * 1024 * 1024),
    maxRequests: number('--max-requests', values['max-requests'], 1, 1_000_000),
    receiveMs: number('--receive-timeout', values['receive-timeout'], 0.1, 86_400) * 1_000,
    graceMs: number('--grace', values.grace, 0, 86_400) * 1_000,
    shutdownDelayMs: number('--shutdown-delay', values['shutdown-delay'], 0, 86_400) * 1_000,
  }
  check(options)
  return options
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= min && value <= max) return value
  throw new UsageError(`${name} must be a number from ${min} to ${max}, not ${JSON.stringify(text)}.`)
}

function addressOf(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError('--upstream (or OPENAI_BASE_URL) must be an http:// or https:// address.')
  return text.replace(/\/+$/, '')
}

function check({ host, port, upstream, allowAnonymous }: ServeOptions): void {
  if (allowAnonymous && !isLoopback(host))
    throw new UsageError(
      `--allow-anonymous is for this machine alone, and ${host} can be reached from others: give team keys instead.`,
    )
  const { hostname, port: upstreamPort } = new URL(upstream)
  const there = hostname.replace(/^\[(.*)\]$/, '$1')
  if (upstreamPort === String(port) && (there === host || (isLoopback(there) && isLoopback(host))))
    throw new UsageError(
      `Upstream ${upstream} is this server itself. Agents' OPENAI_BASE_URL points here; this server's own, or --upstream, at the model.`,
    )
}
