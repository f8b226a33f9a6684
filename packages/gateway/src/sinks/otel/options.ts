import * as z from 'zod/mini'
import { check, GatewayOptionsError } from '../../core/options-error.ts'
import type { SinkEnvironment } from '../backend.ts'

/** Any OpenTelemetry backend: each call becomes a span with GenAI semantic conventions. Off unless set. */
export type OtelOptions = {
  /**
   * Full address of the OTLP traces endpoint, usually ending in `/v1/traces`.
   * @default OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT with `/v1/traces`
   */
  url?: string
  /**
   * Headers of each request, e.g. the API key. @default OTEL_EXPORTER_OTLP_TRACES_HEADERS or
   * OTEL_EXPORTER_OTLP_HEADERS
   */
  headers?: Record<string, string>
  /** @default OTEL_SERVICE_NAME, or 'llm-gateway' */
  serviceName?: string
  /**
   * Milliseconds one request may take before its records are sent again. Grows up to a minute after slow requests.
   * @default 5000
   */
  timeoutMs?: number
}

export type OtelSettings = {
  url: string
  headers: Record<string, string>
  serviceName: string
  timeoutMs: number
}

const url = z
  .string()
  .check(
    z.refine(
      (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
      'must be an http:// or https:// address',
    ),
  )
const headers = z
  .record(z.string(), z.string())
  .check(z.refine(canBeSent, 'has a name or a value that HTTP cannot carry'))

function canBeSent(given: Record<string, string>): boolean {
  try {
    return new Headers(given) !== undefined
  } catch {
    return false
  }
}

export const otelSchema = z.optional(
  z.union(
    [
      z.literal(false),
      z.strictObject({
        url: z.optional(url),
        headers: z.optional(headers),
        serviceName: z.optional(z.string().check(z.minLength(1))),
        timeoutMs: z.optional(z.number().check(z.positive())),
      }),
    ],
    'must be false, or { url }',
  ),
)

/**
 * Reads the environment only if the option is set: the program's own exporters use the same variables.
 * @throws GatewayOptionsError naming the field or variable at fault.
 */
export function otelSettings(
  option: false | OtelOptions | undefined,
  { variables: env }: Pick<SinkEnvironment, 'variables'>,
): OtelSettings | undefined {
  if (option === false || option === undefined) return undefined
  return {
    url: option.url ?? urlFrom(env),
    headers: option.headers ?? headersFrom(env),
    serviceName: option.serviceName ?? (env.OTEL_SERVICE_NAME || 'llm-gateway'),
    timeoutMs: option.timeoutMs ?? 5_000,
  }
}

function urlFrom({
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whole,
  OTEL_EXPORTER_OTLP_ENDPOINT: base,
}: NodeJS.ProcessEnv) {
  if (whole) return check(url, whole, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  if (base) return `${check(url, base, 'OTEL_EXPORTER_OTLP_ENDPOINT').replace(/\/+$/, '')}/v1/traces`
  throw new GatewayOptionsError('gateway.otel.url: set it, or OTEL_EXPORTER_OTLP_ENDPOINT')
}

/** Parses `name=value,name=value`, percent-encoded. */
function headersFrom(env: NodeJS.ProcessEnv): Record<string, string> {
  const variable = env.OTEL_EXPORTER_OTLP_TRACES_HEADERS
    ? 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'
    : 'OTEL_EXPORTER_OTLP_HEADERS'
  const found: Record<string, string> = {}
  for (const pair of (env[variable] ?? '').split(',')) {
    const [name = '', ...rest] = pair.split('=')
    if (name.trim() !== '' && rest.length > 0) found[name.trim()] = decoded(rest.join('=').trim())
  }
  return check(headers, found, variable)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
