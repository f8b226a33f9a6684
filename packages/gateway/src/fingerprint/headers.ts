import type { Call } from '../core/call.ts'

/**
 * Classifies request headers for the cache key. As with body members, a header missing from these lists may change
 * the answer, so it is part of the key.
 */
type Kind = 'neutral' | 'credential' | 'deciding'

/** Headers of the SDK, of tracers and of retries: they differ from call to call and never change an answer. */
const NEUTRAL = new Set(
  [
    // The SDK and HTTP itself.
    'accept accept-encoding connection content-length content-type date expect keep-alive te',
    'transfer-encoding user-agent priority',
    // Idempotency.
    'idempotency-key x-idempotency-key',
    // W3C Trace Context and Baggage, OpenTelemetry, Zipkin, Jaeger, OpenTracing, OpenCensus.
    'traceparent tracestate baggage b3 uber-trace-id jaeger-debug-id jaeger-baggage grpc-trace-bin',
    'x-ot-span-context',
    // Tracing vendors.
    'sentry-trace sentry-baggage newrelic elastic-apm-traceparent x-dynatrace x-honeycomb-trace sw8 sw8-correlation',
    'sw8-x singularityheader request-context x-appoptics-id',
    // Platforms.
    'x-amzn-trace-id x-cloud-trace-context x-vercel-id cf-ray fly-request-id rndr-id x-railway-request-id',
    'x-ms-request-id x-ms-client-request-id x-arr-log-id',
    // Common names of request ids.
    'x-request-id request-id x-client-request-id x-correlation-id correlation-id x-trace-id x-span-id x-parent-id',
    'x-transaction-id x-request-start',
    // Date and digest covered by an AWS signature; the signature itself is handled below.
    'x-amz-date x-amz-content-sha256',
  ]
    .join(' ')
    .split(' '),
)

const NEUTRAL_PREFIX =
  /^(x-stainless-|x-gateway-|x-b3-|x-datadog-|x-newrelic-|x-instana-|ot-tracer-|ot-baggage-|uberctx-)/

/** Headers that identify the account. Credentials in other headers are treated as unknown headers. */
const CREDENTIAL = new Set(
  [
    'authorization api-key x-api-key cookie proxy-authorization x-goog-api-key x-auth-token x-access-token',
    'x-amz-security-token ocp-apim-subscription-key cf-access-client-id cf-access-client-secret cf-aig-authorization',
    'helicone-auth x-portkey-api-key x-portkey-virtual-key x-litellm-api-key',
  ]
    .join(' ')
    .split(' '),
)

/** Neutral headers that HTTP needs in every request. */
const REQUIRED_BY_HTTP = new Set(['accept', 'content-type', 'user-agent'])

/** Whether a header belongs to one request alone and may identify its sender: ids, tracing, baggage. */
export const isOfOneRequest = (name: string): boolean =>
  kindOf(name) === 'neutral' && !REQUIRED_BY_HTTP.has(name)

/** Kinds of the names seen: a process sends a few dozen. */
const kinds = new Map<string, Kind>()
const MAX_NAMES = 500

function kindOf(name: string): Kind {
  const known = kinds.get(name)
  if (known !== undefined) return known
  const isNeutral = NEUTRAL.has(name) || NEUTRAL_PREFIX.test(name)
  const kind = isNeutral ? 'neutral' : CREDENTIAL.has(name) ? 'credential' : 'deciding'
  if (kinds.size < MAX_NAMES) kinds.set(name, kind)
  return kind
}

/** Headers that decide which callers may share an answer, each as an unambiguous text of names and values. */
export type AccountHeaders = {
  credentials: string
  deciding: string
  /** True if the credentials only name an account: an AWS signature without a session token, which only AWS can verify. */
  isPublic: boolean
}

/** The parts of a call that these headers are read from. */
export type AccountParts = {
  teamKey?: string | undefined
  outbound: Pick<Call['outbound'], 'headers' | 'transportName'>
}

/**
 * Reads them from a call. With key custody the caller shows a team key, which counts beside `authorization`. So does
 * a transport of the program's own, which may add credentials that no header shows.
 */
export function accountHeadersOf({ outbound, teamKey }: AccountParts): AccountHeaders {
  const shown: Shown = [teamKey, outbound.transportName]
  outbound.headers.forEach((value, name) => {
    if (kindOf(name) !== 'neutral') shown.push(name, value)
  })
  if (last === undefined || !areEqual(last.shown, shown)) last = { shown, headers: read(shown) }
  return last.headers
}

/** The team key, the name of the transport, and then names and values of all headers that are not neutral. */
type Shown = [string | undefined, string | undefined, ...string[]]

/** The headers read last: most calls of a process show the same. */
let last: { shown: Shown; headers: AccountHeaders } | undefined

const areEqual = (one: Shown, other: Shown) =>
  one.length === other.length && one.every((part, at) => part === other[at])

function read([teamKey, transportName, ...headers]: Shown): AccountHeaders {
  let credentials = teamKey === undefined ? '' : pair('team-key', teamKey)
  if (transportName !== undefined) credentials += pair('by', transportName)
  let deciding = ''
  let isNamed = false
  let isSecret = teamKey !== undefined
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2)
    if (kindOf(name) === 'deciding') {
      deciding += pair(name, value)
      continue
    }
    const isSignature = name === 'authorization' && value.startsWith('AWS4-')
    credentials += pair(name, isSignature ? lastingPart(value) : value)
    if (isSignature) isNamed = true
    else isSecret = true
  }
  return { credentials, deciding, isPublic: isNamed && !isSecret }
}

const pair = (name: string, value: string) => `${name}:${value.length}"${value}`

const AWS_SIGNATURE = /^AWS4-[^ ]+ Credential=([^/,\s]+)\/\d+\/([^,\s]+)/

/** Returns the lasting part of an AWS signature, access key and scope; the rest is new for each request. */
function lastingPart(authorization: string): string {
  const [, accessKey, scope] = AWS_SIGNATURE.exec(authorization) ?? []
  return accessKey === undefined ? authorization : `${accessKey} ${scope}`
}

/** Returns everything a call authenticates with, including signatures of one request. */
export const credentialsOf = (call: AccountParts): string =>
  accountHeadersOf(call).credentials + (call.outbound.headers.get('authorization') ?? '')
