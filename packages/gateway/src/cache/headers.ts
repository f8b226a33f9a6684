import type { Call } from '../call.ts'

/**
 * Classifies request headers for the cache key. The rule is that of body members: a header that this list does not
 * name may decide an answer, so it is part of the key.
 */
type Kind = 'neutral' | 'credential' | 'deciding'

/** Headers of the SDK, of tracers and of retries: they differ from call to call and never change an answer. */
const NEUTRAL = new Set(
  [
    // The SDK and HTTP itself.
    'accept accept-encoding connection content-length content-type date expect host keep-alive te',
    'transfer-encoding user-agent priority',
    // Idempotency.
    'idempotency-key x-idempotency-key',
    // W3C Trace Context and Baggage, OpenTelemetry, Zipkin, Jaeger, OpenTracing, OpenCensus.
    'traceparent tracestate baggage b3 uber-trace-id jaeger-debug-id jaeger-baggage grpc-trace-bin',
    'x-ot-span-context',
    // Vendors of tracing.
    'sentry-trace sentry-baggage newrelic elastic-apm-traceparent x-dynatrace x-honeycomb-trace sw8 sw8-correlation',
    'sw8-x singularityheader request-context x-appoptics-id',
    // Platforms.
    'x-amzn-trace-id x-cloud-trace-context x-vercel-id cf-ray fly-request-id rndr-id x-railway-request-id',
    'x-ms-request-id x-ms-client-request-id x-arr-log-id',
    // Names in common use for one request's id.
    'x-request-id request-id x-client-request-id x-correlation-id correlation-id x-trace-id x-span-id x-parent-id',
    'x-transaction-id x-request-start',
    // The time and the digest that an AWS signature covers; the signature itself is handled below.
    'x-amz-date x-amz-content-sha256',
  ]
    .join(' ')
    .split(' '),
)

const NEUTRAL_PREFIX =
  /^(x-stainless-|x-gateway-|x-b3-|x-datadog-|x-newrelic-|x-instana-|ot-tracer-|ot-baggage-|uberctx-)/

/** Headers that say which account is asked. Credentials in other headers count as any unknown header does. */
const CREDENTIAL = new Set(
  [
    'authorization api-key x-api-key cookie proxy-authorization x-goog-api-key x-auth-token x-access-token',
    'x-amz-security-token ocp-apim-subscription-key cf-access-client-id cf-access-client-secret cf-aig-authorization',
    'helicone-auth x-portkey-api-key x-portkey-virtual-key x-litellm-api-key',
  ]
    .join(' ')
    .split(' '),
)

/** What HTTP needs of the neutral headers, whatever the request. */
const OF_EVERY_REQUEST = new Set(['accept', 'content-type', 'user-agent'])

/** Whether a header belongs to one request alone, and may lead back to its sender: ids, tracing, baggage. */
export const isOfOneRequest = (name: string): boolean =>
  kindOf(name) === 'neutral' && !OF_EVERY_REQUEST.has(name)

/** Kinds of the names seen so far: a process sends a few dozen. */
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

/** Headers of a request that bear on whose answer it is: each a list of names and values, unambiguous as one text. */
export type Bearing = {
  credentials: string
  deciding: string
  /** The credentials only name an account: they are an AWS signature without a session token, which AWS alone can judge. */
  isPublic: boolean
}

/** What of a call bears on whose answer it is. */
export type Borne = {
  teamKey?: string | undefined
  outgoing: Pick<Call['outgoing'], 'headers' | 'by'>
}

/**
 * Where keys are in custody, the team key is what a caller shows: it counts beside what stands in `authorization`. So does
 * a transport of the program's own, which may add what no header here tells of.
 */
export function bearingOf({ outgoing, teamKey }: Borne): Bearing {
  let credentials = teamKey === undefined ? '' : pair('team-key', teamKey)
  if (outgoing.by !== undefined) credentials += pair('by', outgoing.by)
  let deciding = ''
  let isNamed = false
  let isSecret = teamKey !== undefined
  outgoing.headers.forEach((value, name) => {
    const kind = kindOf(name)
    if (kind === 'neutral') return
    if (kind === 'deciding') {
      deciding += pair(name, value)
      return
    }
    const isSignature = name === 'authorization' && value.startsWith('AWS4-')
    credentials += pair(name, isSignature ? lastingPart(value) : value)
    if (isSignature) isNamed = true
    else isSecret = true
  })
  return { credentials, deciding, isPublic: isNamed && !isSecret }
}

const pair = (name: string, value: string) => `${name}:${value.length}"${value}`

const AWS_SIGNATURE = /^AWS4-[^ ]+ Credential=([^/,\s]+)\/\d+\/([^,\s]+)/

/** An AWS signature is new for each request; the access key and its scope are what stays. */
function lastingPart(authorization: string): string {
  const [, accessKey, scope] = AWS_SIGNATURE.exec(authorization) ?? []
  return accessKey === undefined ? authorization : `${accessKey} ${scope}`
}

/** All that a call shows for itself, signatures of the moment included. */
export const shownBy = (call: Borne): string =>
  bearingOf(call).credentials + (call.outgoing.headers.get('authorization') ?? '')
