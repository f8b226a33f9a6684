import { UsageError } from '../core/command.ts'

/** Options of every command that uses the agents' Redis, for `parseArgs`. */
export const CONNECTION_OPTIONS = {
  redis: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

export const CONNECTION_HELP = `  --redis URL      Redis server that the agents share      (LLM_GATEWAY_REDIS_URL)
  --json           prints one JSON document on standard output, for programs`

/**
 * Returns the URL of the agents' Redis: `--redis`, else `LLM_GATEWAY_REDIS_URL`.
 *
 * @throws UsageError where neither is set
 */
export function requireRedisUrl(option: string | undefined): string {
  const url = option ?? process.env.LLM_GATEWAY_REDIS_URL
  if (url) return url
  throw new UsageError('There is no Redis to ask: say --redis URL, or set LLM_GATEWAY_REDIS_URL.')
}
