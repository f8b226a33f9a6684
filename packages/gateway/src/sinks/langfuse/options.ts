import * as z from 'zod/mini'
import { check, GatewayOptionsError } from '../../core/options-error.ts'
import type { SinkEnvironment } from '../backend.ts'

/**
 * Langfuse project and format. `publicKey`, `secretKey` and `baseUrl` are all required, as options or environment
 * variables.
 */
export type LangfuseOptions = {
  /** @default LANGFUSE_PUBLIC_KEY */
  publicKey?: string
  /** @default LANGFUSE_SECRET_KEY */
  secretKey?: string
  /**
   * Address of the server. There is no built-in default, so that nothing goes to a cloud by mistake. @default
   * LANGFUSE_BASE_URL
   */
  baseUrl?: string
  /**
   * 1 to 40 lower-case letters, digits, `-` and `_`. Langfuse v2 has no environments. @default
   * LANGFUSE_TRACING_ENVIRONMENT, or 'default'
   */
  environment?: string
  /** Version of the program. @default LANGFUSE_RELEASE */
  release?: string
  /**
   * Format of records. `auto` asks the server for its version: `ingestion` below 3.63, else `otlp`.
   * @default 'auto'
   */
  api?: 'auto' | 'ingestion' | 'otlp'
  /**
   * Milliseconds one request may take before its records are sent again. Grows up to a minute after slow requests.
   * @default 5000
   */
  timeoutMs?: number
}

export type LangfuseSettings = {
  publicKey: string
  secretKey: string
  baseUrl: string
  environment: string
  release: string | undefined
  api: 'auto' | 'ingestion' | 'otlp'
  timeoutMs: number
}

const publicKey = z.string().check(
  z.minLength(1),
  z.refine((key) => !key.startsWith('sk-'), 'is a secret key; the public one starts with pk-'),
)
const secretKey = z.string().check(
  z.minLength(1),
  z.refine((key) => !key.startsWith('pk-'), 'is a public key; the secret one starts with sk-'),
)
const baseUrl = z
  .string()
  .check(z.refine(isPlainAddress, 'must be an http:// or https:// address, without user, query or fragment'))
/** Source: Langfuse's own ingestion schema. */
const environment = z
  .string()
  .check(
    z.regex(
      /^(?!langfuse)[a-z0-9_-]{1,40}$/,
      'must be 1 to 40 of a-z, 0-9, - and _, and not start with langfuse',
    ),
  )
const release = z.string().check(z.minLength(1), z.maxLength(200))

function isPlainAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return false
  return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
}

/** Environment variable and schema of each field. */
const FROM_ENVIRONMENT = {
  publicKey: ['LANGFUSE_PUBLIC_KEY', publicKey],
  secretKey: ['LANGFUSE_SECRET_KEY', secretKey],
  baseUrl: ['LANGFUSE_BASE_URL', baseUrl],
  environment: ['LANGFUSE_TRACING_ENVIRONMENT', environment],
  release: ['LANGFUSE_RELEASE', release],
} as const

export const langfuseSchema = z.optional(
  z.union(
    [
      z.literal(false),
      z.strictObject({
        publicKey: z.optional(publicKey),
        secretKey: z.optional(secretKey),
        baseUrl: z.optional(baseUrl),
        environment: z.optional(environment),
        release: z.optional(release),
        api: z.optional(z.enum(['auto', 'ingestion', 'otlp'])),
        timeoutMs: z.optional(z.number().check(z.positive())),
      }),
    ],
    'must be false, or { publicKey, secretKey, baseUrl }',
  ),
)

/**
 * Merges option and environment. Without the option, the three required variables switch it on; if only some are set,
 * a notice names the missing ones.
 * @throws GatewayOptionsError naming each field at fault.
 */
export function langfuseSettings(
  option: false | LangfuseOptions | undefined,
  { variables: env, notice }: Pick<SinkEnvironment, 'variables' | 'notice'>,
): LangfuseSettings | undefined {
  if (option === false) return undefined
  const found: Partial<Record<keyof typeof FROM_ENVIRONMENT, string>> = {}
  for (const [field, [variable]] of entries(FROM_ENVIRONMENT)) {
    const value = option?.[field] ?? (env[variable] || undefined)
    if (value !== undefined) found[field] = value
  }
  const { publicKey, secretKey, baseUrl } = found
  const lacking = NEEDED.filter((field) => found[field] === undefined)
  if (publicKey === undefined || secretKey === undefined || baseUrl === undefined) {
    if (option === undefined) {
      if (lacking.length === NEEDED.length) return undefined
      const names = lacking.map((field) => FROM_ENVIRONMENT[field][0])
      notice('GW_LANGFUSE_INCOMPLETE', `Langfuse gets no traces: ${names.join(', ')} not set.`)
      return undefined
    }
    const lines = lacking.map(
      (field) => `gateway.langfuse.${field}: set it, or ${FROM_ENVIRONMENT[field][0]}`,
    )
    throw new GatewayOptionsError(lines.join('\n'))
  }
  for (const [field, [variable, schema]] of entries(FROM_ENVIRONMENT))
    if (option?.[field] === undefined && found[field] !== undefined) check(schema, found[field], variable)
  return {
    publicKey,
    secretKey,
    baseUrl: baseUrl.replace(/\/+$/, ''),
    environment: found.environment ?? 'default',
    release: found.release,
    api: option?.api ?? 'auto',
    timeoutMs: option?.timeoutMs ?? 5_000,
  }
}

const NEEDED = ['publicKey', 'secretKey', 'baseUrl'] as const

const entries = <T extends object>(of: T) => Object.entries(of) as { [K in keyof T]: [K, T[K]] }[keyof T][]
