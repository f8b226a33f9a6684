import * as z from 'zod/mini'
import { check, GatewayOptionsError } from '../core/options-error.ts'

/** A LiteLLM proxy: all calls go through it in mode `litellm`; in mode `embedded`, those whose direct route fails. */
export type LitellmOptions = {
  /** Address of the proxy, with or without `/v1`. @default LITELLM_BASE_URL */
  baseURL?: string
  /** The team's virtual key there. @default LITELLM_API_KEY, or the team key (`key`, LLM_GATEWAY_KEY) */
  apiKey?: string
  /** Embedded: consecutive failures of the direct route after which calls go through the proxy. @default 3 */
  afterFailures?: number
  /** Embedded: milliseconds until the direct route is probed again. @default 15000 */
  lookAgainMs?: number
}

export type LitellmSettings = {
  /** Base URL below which OpenAI's paths begin. */
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
    'must be false, or an object with the address of the proxy',
  ),
)

/**
 * Resolves the settings; `undefined`: no proxy. In embedded mode, an address and a key in the environment enable the
 * fallback.
 * @throws GatewayOptionsError naming the missing option.
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
    throw new GatewayOptionsError('gateway.litellm.baseURL: is missing; set it, or LITELLM_BASE_URL')
  if (apiKey === undefined)
    throw new GatewayOptionsError(
      'gateway.litellm.apiKey: is missing; set it, LITELLM_API_KEY, or the team key LLM_GATEWAY_KEY',
    )
  if (options.baseURL === undefined) check(address, baseURL, 'LITELLM_BASE_URL')
  return {
    base: baseOf(baseURL),
    apiKey,
    afterFailures: options.afterFailures ?? 3,
    lookAgainMs: options.lookAgainMs ?? 15_000,
  }
}

/** LiteLLM answers with and without `/v1`; with it, recorded paths equal OpenAI's. */
function baseOf(url: string): string {
  const base = url.replace(/\/+$/, '')
  return /^https?:\/\/[^/]+$/.test(base) ? `${base}/v1` : base
}
