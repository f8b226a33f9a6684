import type { Gateway } from '@hotdash/llm-gateway'
import { type ParsedBody, parsedBody } from '@hotdash/llm-gateway/server'
import { isObject, textOf } from '../core/json.ts'
import type { Authenticator, Principal } from './authenticate.ts'
import { createBodyReader } from './body.ts'
import { httpErrors, modelNotFound } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { requestHeaders, responseHeaders } from './headers.ts'
import { parseRequestControls, type RequestControls } from './litellm-fields.ts'
import { type LogEntry, type Logger, redact } from './log.ts'
import type { ServeOptions } from './options.ts'
import { relay } from './relay.ts'
import { sendError, sendJson } from './reply.ts'
import type { Route } from './routes.ts'
import { createTeams } from './teams.ts'

/** A request for `gateway.fetch`. */
type OutboundCall = { principal: Principal; method: 'GET' | 'POST'; path: string; requestBody?: RequestBody }
type RequestBody = { body: ParsedBody; model: string | undefined; controls: RequestControls }

/** Creates the handler of all routes that need a key: governed calls, the models of a team, and what passes through. */
export function createHandler(
  gateway: Gateway,
  authenticator: Authenticator,
  { upstream, account, maxBodyBytes }: ServeOptions,
  logger: Logger,
) {
  const read = createBodyReader(maxBodyBytes)
  const teams = createTeams(gateway.policy)

  return async function handle(
    route: Extract<Route, { type: 'call' | 'models' | 'pass-through' }>,
    query: string,
    exchange: Exchange,
  ): Promise<void> {
    const { req, res, logEntry } = exchange
    const principal = authenticator.authenticate(req.headers)
    if ('status' in principal) return sendError(res, principal)
    if (principal.team !== undefined) logEntry.team = principal.team
    if (route.type === 'models') return await listModels(route.id, principal, exchange)
    // `?beta` selects another API on the same path. Queries are never forwarded, so the call would mean something else.
    if (query !== '' && new URLSearchParams(query).has('beta'))
      return sendError(res, httpErrors.betaUnsupported)
    const body = await read(req, res)
    if ('status' in body) return sendError(res, body)
    const controls = parseRequestControls(req.headers, body.json, teams.agents(principal))
    const model = textOf(body.json.model)
    logEntry.bytesIn = body.bytes
    logEntry.stream = body.json.stream === true
    if (model !== undefined) logEntry.requestedModel = redact(model)
    const { forwardedBody } = controls
    const forwarded =
      forwardedBody === undefined ? body : parsedBody(JSON.stringify(forwardedBody), forwardedBody)
    const requestBody = { body: forwarded, model, controls }
    await forward({ principal, method: 'POST', path: route.path, requestBody }, exchange)
  }

  async function forward(
    { principal, method, path, requestBody }: OutboundCall,
    exchange: Exchange,
  ): Promise<void> {
    const { req, res, logEntry, startMs } = exchange
    const headers = requestHeaders(req.headers, principal, account, requestBody?.controls)
    if (headers['x-gateway-agent'] !== undefined) logEntry.agent = decode(headers['x-gateway-agent'])
    if (res.destroyed) return
    const disconnect = new AbortController()
    // After a finished response there is nothing to abort, and creating an AbortError is expensive.
    res.once('close', () => {
      if (!res.writableFinished) disconnect.abort()
    })
    const timeout = startTimeout(requestBody?.controls.timeoutMs, disconnect)
    let response: Response
    try {
      response = await gateway.fetch(`${upstream}${path}`, {
        method,
        headers,
        signal: disconnect.signal,
        ...requestBody?.body.fetchOptions,
      })
    } catch (error) {
      if (res.destroyed) return
      const failure = timeout.hasElapsed() ? httpErrors.timeout : httpErrors.upstreamUnreachable
      logEntry.error = failure.code
      if (failure === httpErrors.upstreamUnreachable)
        logger(`upstream cannot be reached: ${errorCause(error)}`, failure.code)
      return sendError(res, failure)
    } finally {
      timeout.cancel()
    }
    const error = response.status < 400 ? undefined : await errorCodeOf(response)
    if (error !== undefined) logEntry.error = redact(error)
    logHeaders(logEntry, response.headers)
    // A 401 of upstream concerns this server's key, which its message may quote.
    if (response.status === 401 && !error?.startsWith('gateway_')) {
      logger('upstream does not accept OPENAI_API_KEY: every call that reaches it fails', 'upstream key')
      return sendError(res, httpErrors.upstreamKeyRejected)
    }
    const out = responseHeaders(response, {
      requestedModel: requestBody?.model,
      team: teams.policyOf(principal),
      controls: requestBody?.controls,
      error,
      ms: performance.now() - startMs,
      key: account.key,
    })
    logEntry.bytesOut = 0
    logEntry.outcome = await relay(response, res, out, (bytes) => {
      logEntry.bytesOut = (logEntry.bytesOut ?? 0) + bytes
    })
  }

  /** Answers with the models of the policy; where it restricts none, with upstream's. */
  async function listModels(id: string | undefined, principal: Principal, exchange: Exchange): Promise<void> {
    const { res } = exchange
    const names = teams.models(principal)
    if (names === undefined) {
      const path = id === undefined ? '/models' : `/models/${encodeURIComponent(id)}`
      return await forward({ principal, method: 'GET', path }, exchange)
    }
    if (id === undefined) return sendJson(res, 200, { object: 'list', data: names.map(modelObject) })
    return names.includes(id)
      ? sendJson(res, 200, modelObject(id))
      : sendError(res, modelNotFound(redact(id)))
  }
}

const modelObject = (id: string) => ({ id, object: 'model', created: 0, owned_by: 'llm-gateway' })

/** Aborts `controller` after `ms` milliseconds; never where `ms` is undefined. */
function startTimeout(ms: number | undefined, controller: AbortController) {
  let elapsed = false
  const timer =
    ms === undefined
      ? undefined
      : setTimeout(() => {
          elapsed = true
          controller.abort()
        }, ms)
  return { hasElapsed: () => elapsed, cancel: () => clearTimeout(timer) }
}

/** Returns the code of an error in OpenAI's shape, else its type; `undefined` for any other body. */
async function errorCodeOf(response: Response): Promise<string | undefined> {
  if (!/json/i.test(response.headers.get('content-type') ?? '')) return undefined
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  const error = isObject(body) ? body.error : undefined
  return isObject(error) ? (textOf(error.code) ?? textOf(error.type)) : undefined
}

/** Returns the message of an error's cause: `fetch failed` says nothing. No message of undici quotes a header. */
function errorCause(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message || cause.name : 'no reason was given'
}

/** Fields of the log entry, and the `x-gateway-*` header of each. */
const LOGGED_HEADERS = {
  id: 'call-id',
  team: 'team',
  model: 'model',
  cache: 'cache',
  route: 'route',
  costUsd: 'cost-usd',
}

function logHeaders(logEntry: LogEntry, headers: Headers): void {
  for (const [field, name] of Object.entries(LOGGED_HEADERS)) {
    const value = headers.get(`x-gateway-${name}`)
    if (value !== null) Object.assign(logEntry, { [field]: field === 'id' ? value : decode(value) })
  }
}

function decode(text: string): string {
  try {
    return redact(decodeURIComponent(text))
  } catch {
    return redact(text)
  }
}
