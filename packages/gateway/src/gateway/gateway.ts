import { createCounters } from '../account/counters.ts'
import { createDirectCallRecorder } from '../account/direct-call.ts'
import { type PassThroughCall, passThroughRecord } from '../account/pass-through-record.ts'
import { createRecorder } from '../account/recorder.ts'
import { createMemoryCache } from '../cache/memory-store.ts'
import { compilePolicy } from '../config/compiled-policy.ts'
import type { GatewayOptions } from '../config/options.ts'
import { resolveSettings } from '../config/settings.ts'
import type { Call } from '../core/call.ts'
import type { CallState } from '../core/call-state.ts'
import type { CallRecord } from '../core/record.ts'
import type { Ending } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { createKeyProvider } from '../custody/key-provider.ts'
import { PLACEHOLDER_KEY } from '../egress/egress.ts'
import { checkPurge } from '../entry/purge-filter.ts'
import { createFetch } from '../http/fetch.ts'
import { createDirectCallObserver } from '../http/observe.ts'
import { createPassThrough } from '../http/pass-through.ts'
import type { ClientBinding } from '../http/request.ts'
import type { ProxyFailoverStats } from '../litellm/failover.ts'
import { pipeline } from '../pipeline.ts'
import { applySwitches } from '../policy/apply-switches.ts'
import type { Live } from '../policy/live/live.ts'
import { createMemoryQuota } from '../quota/memory.ts'
import type { RedisConnection } from '../redis/connection.ts'
import { acquireConnection } from '../redis/pool.ts'
import type { Sink } from '../sinks/sink.ts'
import { createSinks } from '../sinks/sinks.ts'
import { createDeferredQueue, createMicrotaskQueue } from '../util/deferred.ts'
import { callHook, createFault, detached, guarded } from '../util/faults.ts'
import { allKeptAlive, keptAlive } from '../util/keep-alive.ts'
import { deduplicated, rateLimited } from '../util/log.ts'
import { settlesWithin } from '../util/timeout.ts'
import { deadlineOf } from '../util/timers.ts'
import type { GatewayControls } from './controls.ts'
import type { Credential } from './credential.ts'
import { createLazySemanticCache } from './lazy-semantic.ts'
import { purgeAll } from './purge.ts'
import { createRedisServices } from './redis-services.ts'
import { configuredSinks } from './sinks.ts'

/** How long `close` waits for Redis to take back a lease. */
const LEAVE_MS = 500
/** How long `flush` and `close` wait, where they are not told. */
const CLOSE_MS = 5_000
/** How long a frozen function is kept awake at most. */
const LINGER_MS = 10_000

/** Closes what a gateway holds, connections to Redis above all, once its program has let go of it. */
const abandoned = new FinalizationRegistry<() => void>((close) => close())

/** The gateway as parts: controls, and a door for each client. `credential`: what its clients bring of their own. */
export function buildGateway(options: GatewayOptions | undefined, credential: Credential = 'models') {
  const hasKey = credential === 'models'
  const settings = resolveSettings(options, hasKey)
  const { deadlines, redis } = settings
  const warn = (message: string) => {
    // A console that was replaced, and fails, is no trouble of the call that something is said of.
    callHook(
      () => console.warn(`[llm-gateway] ${message}`) as unknown,
      () => undefined,
    )
  }
  const say = deduplicated(warn)
  for (const notice of settings.notices) say(notice)
  const counters = createCounters()
  const fault = createFault(counters.counts, rateLimited(warn))
  const complain = (field: string) => say(whatBecameOf(field))
  const memory = createMemoryCache(settings.cache.bytes)
  // What is made once stays: answers, limits, calls under way. Rules come and go with the policy.
  const canAsk = credential !== 'none' || settings.custody
  let rules = compilePolicy(settings.policy, { settings, hasKey: canAsk, say, switches: {} })
  const shared =
    settings.direct || redis === undefined
      ? undefined
      : createRedisServices(redis, settings, memory, warn, adopt, fault)
  const vault = settings.custody && redis !== undefined ? openKeeper(redis, shared?.link) : undefined
  const answers = shared?.answers ?? memory
  const limits = shared ? shared.limits : settings.quota && createMemoryQuota()
  const [later, settlements] = [createDeferredQueue(fault), createDeferredQueue(fault)]
  const condition = () => shared?.condition()
  const recorded = settings.onCall === undefined ? later : createMicrotaskQueue(fault)
  const recorder = createRecorder(counters, recorded, emit, fault, condition)
  const sayOfSinks = rateLimited(warn)
  const places = configuredSinks(settings, () => rules.policy, shared?.link, sayOfSinks)
  const sinks = createSinks(places, { ...settings.queue, mask: settings.mask, warn: sayOfSinks, fault })
  const meanings = createLazySemanticCache(settings, shared?.link, sayOfSinks, fault)
  const detours: ProxyFailoverStats = { active: 'direct', calls: 0 }
  const answer = pipeline({
    meanings: meanings.load,
    recorder,
    later,
    settlements,
    answers,
    abroad: shared?.abroad,
    gauge: counters.counts,
    limits,
    litellm: settings.litellm,
    detours,
    keeper: vault?.keeper,
    say: rateLimited(warn),
    fault,
  })
  const listened = settings.onCall !== undefined || places.length > 0
  const telling = new Set<Promise<void>>()
  const passThrough = createPassThrough({
    settings,
    counters,
    fault,
    complain,
    forget: async (id) => await Promise.all([answers.forget(id), meanings.forget(id)]),
    keeper: vault?.keeper,
    policy: () => rules,
    watch: listened
      ? createDirectCallObserver({
          settings,
          policy: () => rules,
          complain,
          witness: createDirectCallRecorder(recorder),
        })
      : undefined,
    tell: listened ? tell : undefined,
    track(work) {
      telling.add(work)
      detached(
        work.finally(() => telling.delete(work)),
        fault,
        'a direct call',
      )
      announce()
    },
  })
  let starting: Promise<unknown> | undefined
  if (shared?.following !== undefined)
    starting = settlesWithin(shared.following.ready, deadlines.connectMs + deadlines.redisMs).then(() => {
      starting = undefined
    })
  const house = {
    settings,
    handler,
    fault,
    complain,
    passThrough,
    policy: () => rules,
    closeRecord: (call: Call) => recorder.discard(call.state),
    starting: () => starting,
  }

  /** Who goes straight shares nothing in Redis but this. */
  function openKeeper(redis: NonNullable<typeof settings.redis>, known: RedisConnection | undefined) {
    const { redisMs: deadlineMs, connectMs } = deadlines
    const link =
      known ?? acquireConnection(redis, { deadlineMs, connectMs, onChange: () => undefined, fault })
    const keeper = createKeyProvider(link, rateLimited(warn))
    const close = () => {
      keeper.close()
      if (known === undefined) link.close()
    }
    return { keeper, close }
  }

  /** What is pushed or switched while the program runs. Calls under way end under the rules they began with. */
  function adopt(live: Live) {
    const policy = settings.narrow(applySwitches(live))
    rules = compilePolicy(policy, { settings, hasKey: canAsk, say, switches: live.switches })
  }

  /** A call has begun when `answer` returns, if not when it resolves. */
  function handler(call: Call): Promise<Reply> {
    shared?.following?.poll()
    const reply = answer(call)
    guarded(announce, fault, 'waitUntil')
    return reply
  }

  /** Where a function is frozen once it has answered, somebody must be told that there is more to do. */
  function announce() {
    const { waitUntil } = settings
    if (waitUntil !== undefined) hooked(() => waitUntil(keptAlive(settlesWithin, settled(true), LINGER_MS)))
  }

  function emit(record: CallRecord, call: Call, ending: Ending) {
    hook(record, call.state)
    guarded(() => meanings.count(record), fault, 'the semantic cache')
    const capture = call.confidential ? 'off' : (settings.capture ?? call.caller.capture)
    sinks.receive({ record, exchange: { call, ending } }, capture)
  }

  function tell(passed: PassThroughCall, origin: CallState) {
    const record = passThroughRecord(passed)
    hook(record, origin)
    sinks.receive({ record }, 'off')
    announce()
  }

  function hook(record: CallRecord, origin: CallState) {
    if (settings.onCall !== undefined) hooked(() => origin.run(() => settings.onCall?.(record)))
  }

  /** Hooks are the program's; what they throw is counted, and nobody else's concern. */
  function hooked(hook: () => unknown) {
    callHook(hook, () => {
      counters.counts.hookErrors += 1
    })
  }

  /** False: something still waits for a sink. */
  async function settled(isLast: boolean): Promise<boolean> {
    later.run()
    await Promise.allSettled(telling)
    await recorder.settled()
    // It has calls of its own, which have records of their own.
    await meanings.settled()
    await recorder.settled()
    later.run()
    settlements.run()
    const drained = sinks.drain(dueAt(isLast))
    await Promise.all([shared?.settled(), drained])
    return await drained
  }

  /** True only when everything has arrived, and in time: since the last one, or ever, where it is the last word. */
  async function delivered(isLast: boolean, deadlineMs: number): Promise<boolean> {
    let all = false
    const hasLost = sinks.watchLosses(dueAt(isLast), isLast)
    const work = settled(isLast).then((done) => {
      all = done
    })
    const isInTime = await settlesWithin(work, deadlineMs)
    return !hasLost() && isInTime && all
  }

  async function close(deadlineMs: number) {
    const done = await delivered(true, deadlineMs)
    if (shared !== undefined) await settlesWithin(shared.leave(), LEAVE_MS)
    await settlesWithin(sinks.close(), 1_000)
    // One that cannot be closed keeps no other open.
    for (const part of [answers, meanings, vault, shared]) guarded(() => part?.close(), fault, 'closing')
    return done
  }

  const controls: GatewayControls = {
    semantic: allKeptAlive(meanings.admin),
    flush: (deadlineMs) => keptAlive(delivered, false, deadlineOf(deadlineMs, CLOSE_MS)),
    purge: (what) =>
      keptAlive(async () => {
        later.run()
        return await purgeAll(checkPurge(what), answers, meanings)
      }),
    close: (deadlineMs) => keptAlive(close, deadlineOf(deadlineMs, CLOSE_MS)),
    stats() {
      later.run()
      const where = places.length > 0 ? { sinks: sinks.stats() } : {}
      const way = settings.litellm === undefined ? {} : { litellm: { ...detours } }
      return {
        ...counters.snapshot(),
        ...where,
        ...way,
        memoryCache: memory.size(),
        mode: rules.modeOf(settings.agent),
        policy: { version: 0, source: settings.policySource },
        ...meanings.stats(),
        ...shared?.stats(),
      }
    },
    policy: () => rules.policy,
    ready: () =>
      keptAlive(async () => {
        await starting
      }),
  }
  // Must not refer to `controls`: it is what is left when nobody has them any more.
  abandoned.register(controls, () => detached(close(LINGER_MS), fault, 'closing'))
  return {
    controls,
    say,
    fault,
    /** For clients without a key for models: what the proxy is shown in mode `litellm`, or says that the key is in Redis. */
    standIn: hasKey
      ? undefined
      : (rules.proxyFor(settings.agent)?.apiKey ?? (settings.custody ? PLACEHOLDER_KEY : undefined)),
    hooked: settings.onCall !== undefined,
    door: (entrance: ClientBinding) => createFetch(house, entrance),
  }
}

const whatBecameOf = (field: string) =>
  /cache(\.namespace)?$/.test(field)
    ? `${field} is not understood: such calls are answered afresh, and their answers are not kept`
    : `${field} is malformed and was ignored`

/** Sinks with a rhythm of their own are left alone until the end. */
const dueAt =
  (isLast: boolean) =>
  ({ periodic }: Sink) =>
    isLast || !periodic
