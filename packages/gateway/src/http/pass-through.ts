import type { Counters } from '../account/counters.ts'
import { passThroughRecord } from '../account/pass-through-record.ts'
import { refusalResponse } from '../body/refusal-response.ts'
import { detachCallState } from '../core/call-state.ts'
import type { Observer } from '../core/observer.ts'
import { FAULT, type Refusal } from '../core/refusal-codes.ts'
import type { KeyProvider } from '../custody/key-provider.ts'
import { type Fault, guarded } from '../util/faults.ts'
import type { CleanRequest } from './clean-request.ts'
import { mayFailOpen } from './fail-open.ts'
import type { FinishObservation, ObserveDirectCall, ObservedOutcome } from './observe.ts'
import { planPassThrough } from './pass-through-plan.ts'
import type { ClientBinding } from './request.ts'
import { type HeadDeps, type RequestHead, readHead } from './request-head.ts'

export type PassThrough = ReturnType<typeof createPassThrough>

type Parts = HeadDeps & {
  counters: Counters
  fault: Fault
  /** Removes from the caches an answer that upstream has deleted. */
  forget: (answerId: string) => Promise<unknown>
  /** Exchanges team keys for upstream's own. Absent without custody. */
  keyProvider: KeyProvider | undefined
  observer: Observer
  /** Observes governed calls that go directly to upstream. Absent if nothing receives records. */
  observeDirectCall: ObserveDirectCall | undefined
}

/** Returns the id of the response that a DELETE of this address removes, whatever its query: Azure's has one always. */
const deletedResponse = (url: string) => /\/responses\/([^/?#]+)\/?(?:[?#]|$)/.exec(url)?.[1]

type Outcome = { status: number; refusal?: string } | { error: unknown; aborted: boolean }
/** Writes the record of a request, which knows its path and outcome, and nothing of its body. */
type WriteRecord = (outcome: Outcome) => void

/** Arguments that a request leaves with, and how it is observed. */
type Plan = { args: Parameters<typeof fetch>; finish: FinishObservation | undefined }

/** Sends requests that are not governed, and calls of mode `direct`: same arguments, same Response, recorded afterwards. */
export function createPassThrough(parts: Parts) {
  const { counters, fault, observer, observeDirectCall } = parts

  /** Sends a request as the policy says: unchanged, to the proxy, with another key; or refuses it. */
  async function send(binding: ClientBinding, head: RequestHead): Promise<Response> {
    counters.counts.passedThrough += 1
    const write = guarded(() => recordOf(head), fault, 'a record')
    let plan: Plan | { refusal: Refusal }
    try {
      const planned = await planPassThrough(parts, binding, head)
      const isDirect = head.method === 'POST' && head.policy.anyDirect
      const finish = isDirect
        ? guarded(() => observeDirectCall?.(binding, head), fault, 'a direct call')
        : undefined
      plan = 'refusal' in planned ? planned : { ...planned, finish }
    } catch (error) {
      fault(error, 'a request that passes through')
      plan = mayFailOpen(parts, head) ? unexamined(binding, head, head) : { refusal: FAULT }
    }
    return 'refusal' in plan ? refused(head, plan.refusal, write) : await transmit(binding, head, plan, write)
  }

  /** After a fault nothing of a request is changed. */
  const unexamined = (
    binding: ClientBinding,
    request: CleanRequest,
    head: RequestHead | undefined,
  ): Plan => ({
    args: [request.input, request.init],
    finish: head && guarded(() => observeDirectCall?.(binding, head), fault, 'a direct call'),
  })

  async function transmit(
    { transport }: ClientBinding,
    { url, method, signal }: CleanRequest,
    { args, finish }: Plan,
    write: WriteRecord | undefined,
  ): Promise<Response> {
    let response: Response
    guarded(() => detachCallState(args[1]), fault, 'a request that passes through')
    try {
      response = await transport(...args)
    } catch (error) {
      record({ error, aborted: signal?.aborted === true }, { error })
      throw error
    }
    record({ status: response.status }, finish && copyOf(response))
    const deleted = method === 'DELETE' ? deletedResponse(url) : undefined
    if (deleted !== undefined && response.ok) await forget(deleted)
    return response

    /** Writes a full record where the request was observed, else one of its path and outcome. */
    function record(outcome: Outcome, observed: ObservedOutcome | undefined) {
      if (finish === undefined || observed === undefined) return write?.(outcome)
      const written = finish(observed).then(
        (isWritten) => void (isWritten || write?.(outcome)),
        (error: unknown) => {
          fault(error, 'a direct call')
          write?.(outcome)
        },
      )
      guarded(() => observer.background(written), fault, 'a direct call')
    }
  }

  /** A foreign transport's Response may fail to be copied: the caller has its answer all the same. */
  const copyOf = (response: Response): ObservedOutcome | undefined =>
    guarded(() => ({ response: response.clone() }), fault, 'a direct call')

  async function forget(id: string): Promise<void> {
    try {
      await parts.forget(decodeURIComponent(id))
    } catch (error) {
      fault(error, 'the cache')
    }
  }

  function refused({ url }: CleanRequest, refusal: Refusal, write: WriteRecord | undefined): Response {
    const response = refusalResponse(refusal, url)
    write?.({ status: response.status, refusal: refusal.code })
    return response
  }

  /** Reads the head of a request whose own could not be read, without the controls in its headers. */
  const headOf = (request: CleanRequest): RequestHead | undefined =>
    observer.listens
      ? guarded(() => readHead({ ...request, gatewayHeaders: undefined }, parts), fault, 'a record')
      : undefined

  function recordOf(head: RequestHead | undefined): WriteRecord | undefined {
    if (!observer.listens || head === undefined) return undefined
    const { state, method, url } = head
    const [at, startedAt, caller] = [Date.now(), performance.now(), head.caller()]
    const request = { id: state.id, caller, method, url, at, startedAt }
    return (outcome) =>
      void guarded(
        () => observer.passThrough(passThroughRecord({ ...request, ...outcome }), state),
        fault,
        'a record',
      )
  }

  return {
    send,
    /** Sends a request once, with the caller's own arguments. */
    async sendUnexamined(binding: ClientBinding, request: CleanRequest): Promise<Response> {
      counters.counts.passedThrough += 1
      const head = headOf(request)
      const write = guarded(() => recordOf(head), fault, 'a record')
      return await transmit(binding, request, unexamined(binding, request, head), write)
    },
    refuse: (request: CleanRequest, refusal: Refusal, head = headOf(request)): Response =>
      refused(
        request,
        refusal,
        guarded(() => recordOf(head), fault, 'a record'),
      ),
  }
}
