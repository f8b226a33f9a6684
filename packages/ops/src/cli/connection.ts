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
 * @throws UsageError where neither is set, or the address is not one
 */
export function requireRedisUrl(option: string | undefined): string {
  const url = option ?? process.env.LLM_GATEWAY_REDIS_URL
  if (url) {
    const isWrong = (address: string) => /^rediss?:/.test(address) && URL.parse(address) === null
    if (url.split(',').some((address) => isWrong(address.trim())))
      throw new UsageError(
        'The address of Redis (--redis, or LLM_GATEWAY_REDIS_URL) is not valid: redis://default:PASSWORD@HOST:6379, with / in a password as %2F, ? as %3F and # as %23.',
      )
    return url
  }
  throw new UsageError('There is no Redis to ask: say --redis URL, or set LLM_GATEWAY_REDIS_URL.')
}
