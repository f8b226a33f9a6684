import type { Answer, RenderContext, RenderedAnswer } from '../core/answer.ts'
import { type JsonObject, text } from '../core/json.ts'
import type { Tokenizer } from '../core/tokens.ts'
import { bodyError, keyError } from './check.ts'
import { renderChat } from './endpoints/chat.ts'
import { renderCompletions } from './endpoints/completions.ts'
import { renderEmbeddings } from './endpoints/embeddings.ts'
import { modelObject, snapshotOf } from './endpoints/models.ts'
import { renderModeration } from './endpoints/moderations.ts'
import { renderResponse } from './endpoints/responses.ts'
import type { ApiError } from './errors.ts'
import { seededId, seedOf } from './model/deterministic.ts'
import type { FakeRequest } from './request.ts'

/** The state of a server that its routes use. */
export type ServerState = {
  tokens: Tokenizer
  models: string[]
  datedModels: boolean
  apiKeys: string[] | undefined
  /** Returns the scripted answer to a request, if any. */
  script: (request: FakeRequest) => Answer | undefined
  /** Stored Responses, by id. */
  stored: Map<string, JsonObject>
}

/** The result of a route: an error, a whole body, or the events of a stream. */
export type RouteResult = { error: ApiError } | { whole: unknown } | { chunks: string[] }

const RENDERERS: Record<string, ((body: JsonObject, context: RenderContext) => RenderedAnswer) | undefined> =
  {
    '/v1/chat/completions': renderChat,
    '/v1/responses': renderResponse,
    '/v1/completions': renderCompletions,
  }

/** Routes a request to its endpoint, after the checks of its key and body. */
export function routeRequest(request: FakeRequest, state: ServerState): RouteResult {
  const { method, path } = request
  const unauthorized = keyError(request, state.apiKeys)
  if (unauthorized) return { error: unauthorized }
  const renderer = method === 'POST' && Object.hasOwn(RENDERERS, path) ? RENDERERS[path] : undefined
  const embeds = method === 'POST' && path === '/v1/embeddings'
  if (renderer === undefined && !embeds) return routeOther(request, state)
  const invalid = bodyError(request)
  if (invalid) return { error: invalid }
  if (renderer) return renderReply(renderer, request, state)
  return { whole: renderEmbeddings(request.body, createRenderContext(request, state, undefined)) }
}

function renderReply(
  renderer: NonNullable<(typeof RENDERERS)[string]>,
  request: FakeRequest,
  state: ServerState,
): RouteResult {
  const scripted = state.script(request)
  if (request.stream && scripted?.chunks) return { chunks: scripted.chunks.map(toEventFrame) }
  if (scripted?.body !== undefined) return { whole: scripted.body }
  const rendered = renderer(request.body, createRenderContext(request, state, scripted))
  const { whole } = rendered
  if (whole.object === 'response' && whole.store !== false) state.stored.set(text(whole.id), whole)
  return request.stream ? { chunks: rendered.chunks() } : { whole }
}

const createRenderContext = (
  { model }: FakeRequest,
  state: ServerState,
  scripted: Answer | undefined,
): RenderContext => ({
  tokens: state.tokens,
  scripted,
  answeringModel: state.datedModels ? snapshotOf(model) : model,
})

const toEventFrame = (chunk: string | object) =>
  typeof chunk === 'string' ? chunk : `data: ${JSON.stringify(chunk)}\n\n`

/** Returns an error event in the endpoint's form. `at`: number of events before it. */
export function errorEvent(path: string, message: string, at: number): string {
  if (path === '/v1/responses') {
    const data = { type: 'error', sequence_number: at, code: 'server_error', message, param: null }
    return `event: error\ndata: ${JSON.stringify(data)}\n\n`
  }
  const error = { message, type: 'server_error', param: null, code: null }
  return `data: ${JSON.stringify({ error })}\n\n`
}

function routeOther(request: FakeRequest, { models, stored }: ServerState): RouteResult {
  const { method, path } = request
  if (method === 'GET' && path === '/v1/models')
    return { whole: { object: 'list', data: models.map(modelObject) } }
  const model = /^\/v1\/models\/(.+)$/.exec(path)?.[1]
  if (method === 'GET' && model !== undefined)
    return models.includes(model) ? { whole: modelObject(model) } : modelNotFound(model)
  const response = /^\/v1\/responses\/([^/]+)$/.exec(path)?.[1]
  if (response !== undefined && (method === 'GET' || method === 'DELETE'))
    return storedResponse(method, response, stored)
  if (method === 'POST' && path === '/v1/moderations')
    return { whole: renderModeration(request.body, seedOf(request.text)) }
  if (method === 'POST' && ECHOED_PATHS.test(path)) return { whole: echo(request) }
  return { error: { status: 404, message: `Invalid URL (${method} ${path})` } }
}

const modelNotFound = (model: string): RouteResult => ({
  error: {
    status: 404,
    code: 'model_not_found',
    param: 'model',
    message: `The model '${model}' does not exist`,
  },
})

function storedResponse(method: 'GET' | 'DELETE', id: string, stored: Map<string, JsonObject>): RouteResult {
  const response = stored.get(id)
  if (response === undefined)
    return { error: { status: 404, message: `Response with id '${id}' not found.` } }
  if (method === 'GET') return { whole: response }
  stored.delete(id)
  return { whole: { id, object: 'response', deleted: true } }
}

const ECHOED_PATHS =
  /^\/v1\/(files|uploads|images|audio|videos|batches|fine_tuning|vector_stores|containers|conversations|evals|assistants|threads|realtime)(\/|$)/

/** Echoes the request as a file object, which clients accept and tests can inspect. */
function echo({ method, path, headers, text: source, body }: FakeRequest): JsonObject {
  return {
    id: seededId('file-', path),
    object: 'file',
    method,
    path,
    content_type: String(headers['content-type'] ?? ''),
    bytes: Buffer.byteLength(source),
    body,
  }
}
