import type { Answer } from '../core/answer.ts'
import { type JsonObject, text } from '../core/json.ts'
import type { Tokenizer } from '../core/tokens.ts'
import { bodyProblem, keyProblem } from './check.ts'
import { chat, type Rendered, type Voice } from './endpoints/chat.ts'
import { completions } from './endpoints/completions.ts'
import { embeddings } from './endpoints/embeddings.ts'
import { modelOf, snapshotOf } from './endpoints/models.ts'
import { moderations } from './endpoints/moderations.ts'
import { responses } from './endpoints/responses.ts'
import type { Problem } from './errors.ts'
import { idOf, seedOf } from './model/deterministic.ts'
import type { FakeRequest } from './request.ts'

/** What a server knows when it answers. */
export type Desk = {
  tokens: Tokenizer
  models: string[]
  datedModels: boolean
  apiKeys: string[] | undefined
  script: (request: FakeRequest) => Answer | undefined
  /** The Responses it was asked to store, by id. */
  stored: Map<string, JsonObject>
}

export type Reply = { problem: Problem } | { whole: unknown } | { chunks: string[] }

const SPEAKERS: Record<string, ((body: JsonObject, voice: Voice) => Rendered) | undefined> = {
  '/v1/chat/completions': chat,
  '/v1/responses': responses,
  '/v1/completions': completions,
}

/** Finds who answers. */
export function answerTo(request: FakeRequest, desk: Desk): Reply {
  const { method, path } = request
  const problem = keyProblem(request, desk.apiKeys)
  if (problem) return { problem }
  const speaker = method === 'POST' && Object.hasOwn(SPEAKERS, path) ? SPEAKERS[path] : undefined
  const embeds = method === 'POST' && path === '/v1/embeddings'
  if (speaker === undefined && !embeds) return other(request, desk)
  const refused = bodyProblem(request)
  if (refused) return { problem: refused }
  if (speaker) return spoken(speaker, request, desk)
  return { whole: embeddings(request.body, voiceOf(request, desk, undefined)) }
}

function spoken(speaker: NonNullable<(typeof SPEAKERS)[string]>, request: FakeRequest, desk: Desk): Reply {
  const scripted = desk.script(request)
  if (request.stream && scripted?.chunks) return { chunks: scripted.chunks.map(framed) }
  if (scripted?.body !== undefined) return { whole: scripted.body }
  const rendered = speaker(request.body, voiceOf(request, desk, scripted))
  const { whole } = rendered
  if (whole.object === 'response' && whole.store !== false) desk.stored.set(text(whole.id), whole)
  return request.stream ? { chunks: rendered.chunks() } : { whole }
}

const voiceOf = ({ model }: FakeRequest, desk: Desk, scripted: Answer | undefined): Voice => ({
  tokens: desk.tokens,
  scripted,
  answering: desk.datedModels ? snapshotOf(model) : model,
})

const framed = (chunk: string | object) =>
  typeof chunk === 'string' ? chunk : `data: ${JSON.stringify(chunk)}\n\n`

/** An error in mid-stream, as the endpoint writes it. */
export function errorEvent(path: string, message: string, at: number): string {
  if (path === '/v1/responses') {
    const data = { type: 'error', sequence_number: at, code: 'server_error', message, param: null }
    return `event: error\ndata: ${JSON.stringify(data)}\n\n`
  }
  const error = { message, type: 'server_error', param: null, code: null }
  return `data: ${JSON.stringify({ error })}\n\n`
}

function other(request: FakeRequest, { models, stored }: Desk): Reply {
  const { method, path } = request
  if (method === 'GET' && path === '/v1/models')
    return { whole: { object: 'list', data: models.map(modelOf) } }
  const named = /^\/v1\/models\/(.+)$/.exec(path)?.[1]
  if (method === 'GET' && named !== undefined)
    return models.includes(named) ? { whole: modelOf(named) } : noModel(named)
  const response = /^\/v1\/responses\/([^/]+)$/.exec(path)?.[1]
  if (response !== undefined && (method === 'GET' || method === 'DELETE'))
    return kept(method, response, stored)
  if (method === 'POST' && path === '/v1/moderations')
    return { whole: moderations(request.body, seedOf(request.text)) }
  if (method === 'POST' && PASSED.test(path)) return { whole: echo(request) }
  return { problem: { status: 404, message: `Invalid URL (${method} ${path})` } }
}

const noModel = (model: string): Reply => ({
  problem: {
    status: 404,
    code: 'model_not_found',
    param: 'model',
    message: `The model '${model}' does not exist`,
  },
})

function kept(method: 'GET' | 'DELETE', id: string, stored: Map<string, JsonObject>): Reply {
  const response = stored.get(id)
  if (response === undefined)
    return { problem: { status: 404, message: `Response with id '${id}' not found.` } }
  if (method === 'GET') return { whole: response }
  stored.delete(id)
  return { whole: { id, object: 'response', deleted: true } }
}

const PASSED =
  /^\/v1\/(files|uploads|images|audio|videos|batches|fine_tuning|vector_stores|containers|conversations|evals|assistants|threads|realtime)(\/|$)/

/** Enough for a client to go on, and for a test to see what arrived. */
function echo({ method, path, headers, text: source, body }: FakeRequest): JsonObject {
  return {
    id: idOf('file-', path),
    object: 'file',
    method,
    path,
    content_type: String(headers['content-type'] ?? ''),
    bytes: Buffer.byteLength(source),
    body,
  }
}
