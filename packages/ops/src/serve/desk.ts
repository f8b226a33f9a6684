import type { Gateway } from '@hotdash/llm-gateway'
import { type ParsedBody, parsedBody } from '@hotdash/llm-gateway/server'
import { createBodyReader } from './body.ts'
import type { Callers, Sender } from './callers.ts'
import { noModel, problems } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { requestHeaders, responseHeaders } from './headers.ts'
import { isObject, textOf } from './json.ts'
import { type Wishes, wishesOf } from './litellm.ts'
import { type LogLine, type Say, tidy } from './log.ts'
import type { ServeOptions } from './options.ts'
import { relay } from './relay.ts'
import { json, refuse } from './reply.ts'
import type { Route } from './routes.ts'
import { createTeams } from './teams.ts'

/** What goes through the gateway. */
type Question = { sender: Sender; method: 'GET' | 'POST'; path: string; asked?: Asked }
type Asked = { body: ParsedBody; model: string | undefined; wishes: Wishes }

/** Everything that needs a key: calls, the models that a team may use, and what passes through. */
export function createDesk(
  gateway: Gateway,
  callers: Callers,
  { upstream, account, maxBodyBytes }: ServeOptions,
  say: Say,
) {
  const read = createBodyReader(maxBodyBytes)
  const teams = createTeams(gateway.policy)

  return async function desk(
    route: Extract<Route, { type: 'call' | 'models' | 'pass' }>,
    query: string,
    exchange: Exchange,
  ): Promise<void> {
    const { req, res, line } = exchange
    const sender = callers.senderOf(req.headers)
    if ('status' in sender) return refuse(res, sender)
    if (sender.team !== undefined) line.team = sender.team
    if (route.type === 'models') return await models(route.id, sender, exchange)
    // It shares the path and speaks another language; queries go no further than this server.
    if (query !== '' && new URLSearchParams(query).has('beta')) return refuse(res, problems.beta)
    const body = await read(req, res)
    if ('status' in body) return refuse(res, body)
    const wishes = wishesOf(req.headers, body.json, teams.agents(sender))
    const model = textOf(body.json.model)
    line.bytesIn = body.bytes
    line.stream = body.json.stream === true
    if (model !== undefined) line.modelAsked = tidy(model)
    const { rest } = wishes
    const own = rest === undefined ? body : parsedBody(JSON.stringify(rest), rest)
    await ask({ sender, method: 'POST', path: route.path, asked: { body: own, model, wishes } }, exchange)
  }

  async function ask({ sender, method, path, asked }: Question, exchange: Exchange): Promise<void> {
    const { req, res, line, startedAt } = exchange
    const headers = requestHeaders(req.headers, sender, account, asked?.wishes)
    if (headers['x-gateway-agent'] !== undefined) line.agent = decoded(headers['x-gateway-agent'])
    const left = new AbortController()
    // Of a call that is over nothing needs to be stopped, and an abort costs the making of an error.
    res.once('close', () => {
      if (!res.writableFinished) left.abort()
    })
    const patience = deadline(asked?.wishes.timeoutMs, left)
    let response: Response
    try {
      response = await gateway.fetch(`${upstream}${path}`, {
        method,
        headers,
        signal: left.signal,
        ...asked?.body.fetchOptions,
      })
    } catch (error) {
      if (res.destroyed) return
      const problem = patience.isOver() ? problems.timeout : problems.unreachable
      line.error = problem.code
      if (problem === problems.unreachable) say(`upstream cannot be reached: ${causeOf(error)}`, problem.code)
      return refuse(res, problem)
    } finally {
      patience.end()
    }
    const error = response.status < 400 ? undefined : await errorIn(response)
    if (error !== undefined) line.error = tidy(error)
    tell(line, response.headers)
    // Upstream's own 401 is about this server's key, and may quote it.
    if (response.status === 401 && !error?.startsWith('gateway_')) {
      say('upstream does not accept OPENAI_API_KEY: every call that reaches it fails', 'upstream key')
      return refuse(res, problems.upstreamKey)
    }
    const { model: modelAsked, wishes } = asked ?? { model: undefined, wishes: undefined }
    const ms = performance.now() - startedAt
    const out = responseHeaders(response, {
      modelAsked,
      team: teams.of(sender),
      wishes,
      error,
      ms,
      key: account.key,
    })
    line.bytesOut = 0
    line.end = await relay(response, res, out, (bytes) => {
      line.bytesOut = (line.bytesOut ?? 0) + bytes
    })
  }

  /** Those of the policy; where it forbids none, upstream's. */
  async function models(id: string | undefined, sender: Sender, exchange: Exchange): Promise<void> {
    const { res } = exchange
    const names = teams.models(sender)
    if (names === undefined) {
      const path = id === undefined ? '/models' : `/models/${encodeURIComponent(id)}`
      return await ask({ sender, method: 'GET', path }, exchange)
    }
    if (id === undefined) return json(res, 200, { object: 'list', data: names.map(modelOf) })
    return names.includes(id) ? json(res, 200, modelOf(id)) : refuse(res, noModel(tidy(id)))
  }
}

const modelOf = (id: string) => ({ id, object: 'model', created: 0, owned_by: 'llm-gateway' })

/** Aborts when the answer has not begun in time. */
function deadline(ms: number | undefined, controller: AbortController) {
  let over = false
  const timer =
    ms === undefined
      ? undefined
      : setTimeout(() => {
          over = true
          controller.abort()
        }, ms)
  return { isOver: () => over, end: () => clearTimeout(timer) }
}

/** The code of an error in OpenAI's shape; `''` for one without. */
async function errorIn(response: Response): Promise<string | undefined> {
  if (!/json/i.test(response.headers.get('content-type') ?? '')) return undefined
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  const error = isObject(body) ? body.error : undefined
  return isObject(error) ? (textOf(error.code) ?? textOf(error.type)) : undefined
}

/** `fetch failed` hides why. No message of undici's holds a header. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message || cause.name : 'no reason was given'
}

const TOLD = {
  id: 'call-id',
  team: 'team',
  model: 'model',
  cache: 'cache',
  route: 'route',
  costUsd: 'cost-usd',
}

function tell(line: LogLine, headers: Headers): void {
  for (const [field, name] of Object.entries(TOLD)) {
    const value = headers.get(`x-gateway-${name}`)
    if (value !== null) Object.assign(line, { [field]: field === 'id' ? value : decoded(value) })
  }
}

function decoded(text: string): string {
  try {
    return tidy(decodeURIComponent(text))
  } catch {
    return tidy(text)
  }
}
