import type { Call, Handler, JsonObject, Reply } from '../../call.ts'
import { afterwards } from '../../identify/origin.ts'
import { isObject, list, text } from '../../json.ts'
import { normalised } from './embedder.ts'

/** What the records of such calls are tagged with, where tags are all that is kept of them. */
const TAG = 'gateway:semantic'

/**
 * Asks upstream for the vector of a question on behalf of the call that asks it: through the whole pipeline, so that it is
 * cached exactly, counted against the team's tokens and dollars, priced and recorded as a call of its own. It never waits
 * in line.
 * @throws when no vector came: refused, failed, or not of the length that was asked for.
 */
export async function embedThrough(
  pipeline: Handler,
  call: Call,
  question: string,
  { model, dimensions, signal }: { model: string; dimensions: number; signal: AbortSignal },
): Promise<Float32Array> {
  const body = { model, input: question, dimensions, encoding_format: 'base64' }
  const reply = await pipeline(following(call, 'embeddings', '/embeddings', body, signal))
  const answer = await jsonOf(reply, signal)
  const [first] = list(answer.data)
  return normalised(vectorOf(isObject(first) ? text(first.embedding) : '', dimensions))
}

/** Where a governed request's own path ends, before a query. */
const BELOW = /\/(chat\/completions|responses)(?=$|\?)/

/** A call of ours that follows from a caller's: same credentials, team and transport, but nobody's to abort or retry. */
export function following(
  call: Call,
  operation: Call['operation'],
  path: string,
  body: JsonObject,
  signal: AbortSignal,
): Call {
  const { outgoing, controls } = call
  const source = JSON.stringify(body)
  const headers = new Headers(outgoing.headers)
  for (const name of [
    'content-length',
    'idempotency-key',
    'x-stainless-retry-count',
    'x-stainless-helper-method',
  ])
    headers.delete(name)
  return {
    attempt: 0,
    arrivedAt: performance.now(),
    caller: call.caller,
    rules: call.rules,
    present: call.present,
    ...(call.teamKey !== undefined && { teamKey: call.teamKey }),
    controls: {
      cache: { read: true, store: true, onlyIfCached: false, semantic: false },
      tags: [...controls.tags, TAG],
      onLimit: 'reject',
      ...(controls.session === undefined ? {} : { session: controls.session }),
      ...(controls.people === undefined ? {} : { people: controls.people }),
      ...(controls.unusable && { unusable: controls.unusable }),
      ...(controls.trace === undefined ? {} : { trace: controls.trace }),
    },
    purpose: 'semantic',
    operation,
    outgoing: {
      transport: outgoing.transport,
      url: outgoing.url.replace(BELOW, path),
      path: outgoing.path?.replace(BELOW, path),
      init: { ...outgoing.init, method: 'POST' },
      headers,
      ...(outgoing.by !== undefined && { by: outgoing.by }),
      text: source,
      edits: {},
      injectUsage: false,
      frozen: false,
      ...(outgoing.keys && { keys: outgoing.keys }),
    },
    body,
    reading: { body, questions: {} },
    model: 'auto',
    route: 'requested',
    view: { stream: false, includeUsage: false, signal },
    signal,
    origin: afterwards(call.origin),
  }
}

/** @throws when the answer is no success, or no JSON object. */
export async function jsonOf(reply: Reply, signal: AbortSignal): Promise<JsonObject> {
  const response = await reply.recording.open({ stream: false, includeUsage: false, signal }, () => undefined)
  const json: unknown = await response.json()
  if (!response.ok || !isObject(json)) throw new Error(`answered with status ${response.status}`)
  return json
}

/** Little-endian floats, as `encoding_format: 'base64'` gives them. @throws RangeError for another number of them. */
function vectorOf(base64: string, dimensions: number): Float32Array {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length !== dimensions * 4)
    throw new RangeError(`${bytes.length / 4} dimensions, not ${dimensions}`)
  const vector = new Float32Array(dimensions)
  for (let at = 0; at < dimensions; at += 1) vector[at] = bytes.readFloatLE(at * 4)
  return vector
}
