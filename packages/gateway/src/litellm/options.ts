import * as z from 'zod/mini'
import { check, GatewayOptionsError } from '../core/options-error.ts'

/** A LiteLLM proxy: all calls go through it in mode `litellm`, and in mode `embedded` those that find no other way. */
export type LitellmOptions = {
  /** Address of the proxy, with or without `/v1`. @default LITELLM_BASE_URL */
  baseURL?: string
  /** The team's virtual key there. @default LITELLM_API_KEY, or the team key (`key`, LLM_GATEWAY_KEY) */
  apiKey?: string
  /** Embedded: after so many failures of the direct route in a row, calls go through the proxy. @default 3 */
  afterFailures?: number
  /** Embedded: milliseconds until the direct route is looked at again. @default 15000 */
  lookAgainMs?: number
}

export type LitellmSettings = {
  /** Ends in a path below which OpenAI's begin. */
  base: string
  apiKey: string
  afterFailures: number
  lookAgainMs: number
}

const address = z
  .string()
  .check(z.regex(/^https?:\/\/[^\s/?#]+[^\s?#]*$/, 'must be an http:// or https:// address'))
const key = z.string().check(z.minLength(1))

export const litellmSchema = z.optional(
  z.union(
    [
      z.literal(false),
      z.strictObject({
        baseURL: z.optional(address),
        apiKey: z.optional(key),
        afterFailures: z.optional(z.number().check(z.int(), z.positive())),
        lookAgainMs: z.optional(z.number().check(z.positive())),
      }),
    ],
    'must be false, or say where the proxy is',
  ),
)

/**
 * `undefined`: there is no proxy. In embedded mode it is the environment that switches the fallback on, with an address
 * and a key.
 * @throws GatewayOptionsError naming what is missing.
 */
export function litellmSettingsOf(
  mode: 'embedded' | 'litellm' | 'direct',
  given: false | LitellmOptions | undefined,
  teamKey: string | undefined,
  env: NodeJS.ProcessEnv,
): LitellmSettings | undefined {
  if (mode === 'direct' || (mode === 'embedded' && given === false)) return undefined
  const options = given || {}
  const baseURL = options.baseURL ?? (env.LITELLM_BASE_URL || undefined)
  const apiKey = options.apiKey ?? (env.LITELLM_API_KEY || undefined) ?? teamKey
  const isAsked = mode === 'litellm' || given !== undefined
  if (!isAsked && (baseURL === undefined || apiKey === undefined)) return undefined
  if (baseURL === undefined)
    throw new GatewayOptionsError('gateway.litellm.baseURL: is missing, and so is LITELLM_BASE_URL')
  if (apiKey === undefined)
    throw new GatewayOptionsError(
      'gateway.litellm.apiKey: is missing, and so are LITELLM_API_KEY and the team key, LLM_GATEWAY_KEY',
    )
  if (options.baseURL === undefined) check(address, baseURL, 'LITELLM_BASE_URL')
  return {
    base: baseOf(baseURL),
    apiKey,
    afterFailures: options.afterFailures ?? 3,
    lookAgainMs: options.lookAgainMs ?? 15_000,
  }
}

/** LiteLLM answers with and without `/v1`; records are easier to compare when paths look like OpenAI's. */
function baseOf(url: string): string {
  const base = url.replace(/\/+$/, '')
  return /^https?:\/\/[^/]+$/.test(base) ? `${base}/v1` : base
}
