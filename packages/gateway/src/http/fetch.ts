import { refusalResponse } from '../body/refusal-response.ts'
import { textOfRequest } from '../body/request-text.ts'
import type { Call, Handler } from '../core/call.ts'
import { FAULT, FAULT_AFTER, type Refusal } from '../core/refusal-codes.ts'
import type { Reply } from '../core/reply.ts'
import type { Fault } from '../util/faults.ts'
import { keptAlive } from '../util/keep-alive.ts'
import { raceAbort } from '../util/timeout.ts'
import { type CleanRequest, cleanRequest, initOf } from './clean-request.ts'
import { mayFailOpen } from './fail-open.ts'
import { withMembersOf } from './fetch-members.ts'
import { createBodyParser } from './parsed-bodies.ts'
import type { PassThrough } from './pass-through.ts'
import { type ParsedText, PREPARSED } from './preparsed.ts'
import { type ClientBinding, createCall } from './request.ts'
import { type HeadDeps, type RequestHead, readHead } from './request-head.ts'
import { respond } from './respond.ts'
import { unreadRefusal } from './unread-body.ts'

export type FetchParts = HeadDeps & {
  /** The pipeline. */
  handler: Handler
  fault: Fault
  /** Returns a promise while it is unknown whether Redis holds a live policy. */
  starting: () => Promise<unknown> | undefined
  /** Closes the record of a call that a fault kept from writing it. */
  closeRecord: (call: Call) => void
  passThrough: PassThrough
}

/** How a request is answered: refused, sent as it is, or by the pipeline. */
type Decision =
  | { refusal: Refusal; head: RequestHead }
  | { passThrough: RequestHead }
  | { call: Call; reply: Reply }

/** How far a request had come before a fault. */
type Progress = { head?: RequestHead; call?: Call }

type Preparsed = { [PREPARSED]?: ParsedText } | undefined

/**
 * Creates a `fetch` that answers governed requests by the pipeline. All others are passed through: same arguments, same
 * Response.
 *
 * After a fault of the gateway a request is sent unchanged only if it had not been sent and the policy restricts no
 * caller; else it is refused (`gateway_fault`).
 */
export function createFetch(parts: FetchParts, binding: ClientBinding): typeof fetch {
  const { settings, handler, fault, passThrough } = parts
  const parse = createBodyParser()

  return withMembersOf(binding.transport, function gatewayFetch(input, init) {
    return keptAlive(answer, input, init)
  })

  async function answer(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
    let request: CleanRequest
    try {
      request = cleanRequest(input, init)
    } catch (error) {
      // Malformed headers throw here the error that `fetch` throws for them.
      new Headers(init?.headers)
      // The request may still hold gateway headers: it is not sent, whatever the policy.
      fault(error, 'a call')
      return refusalResponse(FAULT, typeof input === 'string' ? input : '')
    }
    const progress: Progress = {}
    let decision: Decision
    try {
      decision = await decide(request, progress)
    } catch (error) {
      const { signal } = request
      if (signal?.aborted && error === signal.reason) throw error
      return await answerAfterFault(error, request, progress)
    }
    if ('refusal' in decision) return passThrough.refuse(request, decision.refusal, decision.head)
    if ('passThrough' in decision) return await passThrough.send(binding, decision.passThrough)
    return await respond(decision.reply, decision.call, fault)
  }

  async function answerAfterFault(
    error: unknown,
    request: CleanRequest,
    { call, head }: Progress,
  ): Promise<Response> {
    fault(error, 'a call')
    if (call !== undefined) {
      call.state.barred = true
      parts.closeRecord(call)
    }
    if (call !== undefined && call.state.upstreamAttempts > 0)
      return passThrough.refuse(request, FAULT_AFTER, head)
    if (!mayFailOpen(parts, request)) return passThrough.refuse(request, FAULT, head)
    return await passThrough.sendUnexamined(binding, request)
  }

  async function decide(request: CleanRequest, progress: Progress): Promise<Decision> {
    const starting = parts.starting()
    if (starting !== undefined) await raceAbort(starting, request.signal ?? new AbortController().signal)
    const head = readHead(request, parts)
    progress.head = head
    const { url, method, policy } = head
    const endpoint = settings.direct || method !== 'POST' ? undefined : binding.match(url)
    if (endpoint === undefined || (policy.anyDirect && isDirect(head))) return { passThrough: head }
    const given = request.init?.body ?? undefined
    const source = typeof given === 'string' ? given : await textOfRequest(given, request.request)
    const parsed = source === undefined ? undefined : parse(source, (request.init as Preparsed)?.[PREPARSED])
    const isUnread = parsed === undefined || 'excess' in parsed
    if (source === undefined || isUnread) {
      const refusal = unreadRefusal(source, isUnread ? parsed : undefined, request)
      const isBound = refusal !== undefined && policy.bindsCaller(head.caller())
      return isBound ? { refusal, head } : { passThrough: head }
    }
    const call = createCall(parts, binding, head, { ...endpoint, init: initOf(head), source, parsed })
    progress.call = call
    return { call, reply: await handler(call) }
  }
}

/** A caller who is refused, e.g. a disabled agent, is not direct: the pipeline refuses it. */
function isDirect(head: RequestHead): boolean {
  const { mode, refusal } = head.caller()
  return mode === 'direct' && refusal === undefined
}
