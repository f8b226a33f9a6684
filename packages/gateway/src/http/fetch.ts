import { refusalResponse } from '../body/refuse.ts'
import { textOfRequest } from '../body/request-text.ts'
import type { CompiledPolicy } from '../config/compiled-policy.ts'
import type { Settings } from '../config/settings.ts'
import type { Call, Handler } from '../core/call.ts'
import { callStateOf } from '../core/call-state.ts'
import type { Complain } from '../core/controls.ts'
import { FAULT, FAULT_AFTER, type Refusal } from '../core/refusal.ts'
import type { Reply } from '../core/reply.ts'
import { type CallOptions, readHeaders } from '../identify/headers.ts'
import { checkedContext } from '../identify/schema.ts'
import type { Fault } from '../util/faults.ts'
import { keptAlive } from '../util/keep-alive.ts'
import { raceAbort } from '../util/timeout.ts'
import { createBodyParser, type ParsedText, PREPARSED } from './parsed-bodies.ts'
import type { PassThrough } from './pass-through.ts'
import { type ClientBinding, claimFrom, createCall } from './request.ts'
import { type RequestHead, readHead } from './request-head.ts'
import { respond } from './respond.ts'
import { maySend } from './unexamined.ts'
import { unreadRefusal } from './unread.ts'

export type FetchParts = {
  settings: Settings
  handler: Handler
  fault: Fault
  /** Told of controls that are ignored, by their names. */
  complain: Complain
  /** What is in force at this moment. */
  policy: () => CompiledPolicy
  /** Until it settles, it is not known whether another policy than the program's own is in force. */
  starting: () => Promise<unknown> | undefined
  /** Closes the record of a call that a fault kept from one. */
  closeRecord: (call: Call) => void
  /** The way of what is not governed. */
  passThrough: PassThrough
}

/** What is done with a request. */
type Decision =
  | { refusal: Refusal; told: CallOptions | undefined }
  | { straight: true; told: CallOptions | undefined }
  | { call: Call; reply: Reply }

/**
 * `fetch`, with the pipeline behind it. What is not governed goes straight through: same arguments, same Response.
 *
 * After a fault of the gateway's own a request is sent as it is only where the policy binds no caller, and only if it had
 * not been sent; everywhere else it is refused (`gateway_fault`).
 */
export function createFetch(house: FetchParts, entrance: ClientBinding): typeof fetch {
  const { settings, handler, fault, complain, passThrough } = house
  const read = createBodyParser()

  return carrying(entrance.transport, function gatewayFetch(input, init) {
    return keptAlive(answer, input, init)
  })

  async function answer(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
    let asked: RequestHead
    try {
      asked = readHead(input, init)
    } catch (error) {
      // A mistake of the caller's is the error that `fetch` makes of it.
      new Headers(init?.headers)
      // Headers of ours may still be in it: it is not sent, whatever the policy.
      fault(error, 'a call')
      return refusalResponse(FAULT, typeof input === 'string' ? input : '')
    }
    const begun: Begun = {}
    let decision: Decision
    try {
      decision = await decide(asked, begun)
    } catch (error) {
      const { signal } = asked
      if (signal?.aborted && error === signal.reason) throw error
      fault(error, 'a call')
      const { call, told } = begun
      if (call !== undefined) {
        call.state.barred = true
        house.closeRecord(call)
      }
      if (call !== undefined && call.state.upstreamAttempts > 0)
        return passThrough.refuse(asked, FAULT_AFTER, told)
      if (!maySend(house, asked)) return passThrough.refuse(asked, FAULT, told)
      return await passThrough.sendAsIs(entrance, asked)
    }
    if ('refusal' in decision) return passThrough.refuse(asked, decision.refusal, decision.told)
    if ('straight' in decision) return await passThrough.send(entrance, asked, decision.told)
    return await respond(decision.reply, decision.call, fault)
  }

  async function decide(asked: RequestHead, begun: Begun): Promise<Decision> {
    const starting = house.starting()
    if (starting !== undefined) await raceAbort(starting, asked.signal ?? new AbortController().signal)
    const { url, method, marked, init, request } = asked
    const rules = house.policy()
    const told = marked && readHeaders(marked, complain)
    if (told !== undefined) begun.told = told
    const found = settings.direct || method !== 'POST' ? undefined : entrance.match(url)
    if (found === undefined) return { straight: true, told }
    // What is switched off is refused, however it would have gone.
    const caller = rules.anyDirect ? callerOf(asked, told, rules) : undefined
    if (caller?.mode === 'direct' && caller.refusal === undefined) return { straight: true, told }
    const given = init?.body ?? undefined
    const source = typeof given === 'string' ? given : await textOfRequest(given, request)
    const reading = source === undefined ? undefined : read(source, (init as Preparsed)?.[PREPARSED])
    const isUnread = reading === undefined || 'excess' in reading
    if (source === undefined || isUnread) {
      const refusal = unreadRefusal(source, isUnread ? reading : undefined, asked)
      const isBound = refusal !== undefined && rules.bindsCaller(callerOf(asked, told, rules))
      return isBound ? { refusal, told } : { straight: true, told }
    }
    const own: RequestInit = request
      ? { method, headers: request.headers, signal: request.signal, ...init }
      : (init ?? {})
    const call = createCall({ settings, rules, inForce: house.policy, complain }, entrance, {
      ...found,
      url,
      init: own,
      headers: asked.headers,
      told,
      source,
      reading,
    })
    begun.call = call
    return { call, reply: await handler(call) }
  }

  function callerOf({ init }: RequestHead, told: CallOptions | undefined, rules: CompiledPolicy) {
    const { context } = callStateOf(init, false)
    return rules.resolveCaller(claimFrom(settings, checkedContext(context, complain), told))
  }
}

/** How far a request came before a fault. */
type Begun = { told?: CallOptions; call?: Call }

type Preparsed = { [PREPARSED]?: ParsedText } | undefined

const ITS_OWN: ReadonlySet<PropertyKey> = new Set(['length', 'name', 'prototype', 'arguments', 'caller'])

/** With the members that a program has put on its own `fetch`, such as what a mock notes of its calls. */
function carrying(transport: typeof fetch, door: typeof fetch): typeof fetch {
  for (const name of Reflect.ownKeys(transport)) {
    if (ITS_OWN.has(name)) continue
    Object.defineProperty(door, name, {
      get: () => Reflect.get(transport, name),
      set: (value: unknown) => void Reflect.set(transport, name, value),
      enumerable: Object.prototype.propertyIsEnumerable.call(transport, name),
      configurable: true,
    })
  }
  return door
}
