import { createCounters } from '../account/counters.ts'
import { createDirectCallRecorder } from '../account/direct-call.ts'
import { createRecorder } from '../account/recorder.ts'
import { createMemoryCache } from '../cache/memory-store.ts'
import type { GatewayOptions } from '../config/options.ts'
import { resolveSettings } from '../config/settings.ts'
import { PLACEHOLDER_KEY } from '../egress/egress.ts'
import { createFetch, type FetchParts } from '../http/fetch.ts'
import { createDirectCallObserver } from '../http/observe.ts'
import { createPassThrough } from '../http/pass-through.ts'
import type { ClientBinding } from '../http/request.ts'
import type { ProxyFailoverStats } from '../litellm/failover.ts'
import { pipeline } from '../pipeline.ts'
import { createMemoryQuota } from '../quota/memory.ts'
import { createSinks } from '../sinks/fan-out.ts'
import { createDeferredQueue, createMicrotaskQueue } from '../util/deferred.ts'
import { createFault, detached, guarded } from '../util/faults.ts'
import { createLog, deduplicated, rateLimited } from '../util/log.ts'
import { configuredSinks } from './configured-sinks.ts'
import { createControls } from './controls.ts'
import type { Credential } from './credential.ts'
import { createHooks } from './hooks.ts'
import { openKeyProvider } from './key-provider.ts'
import { createLazySemanticCache } from './lazy-semantic.ts'
import { createLifecycle, LINGER_MS } from './lifecycle.ts'
import { createObserver } from './observer.ts'
import { createPolicyState } from './policy-state.ts'
import { createRedisServices } from './redis-services.ts'

/** Closes a gateway, its connections to Redis above all, once the program holds no reference to its controls. */
const collected = new FinalizationRegistry<() => void>((close) => close())

/**
 * Builds the parts of one gateway in order. Caches, limits and calls under way stay for its life; the policy may change.
 * @param credential what the gateway's clients bring themselves.
 * @throws GatewayOptionsError for bad options or a bad policy, naming the field.
 */
export function buildGateway(options: GatewayOptions | undefined, credential: Credential = 'models') {
  const settings = resolveSettings(options, credential === 'models')
  const log = createLog(settings.logger)
  const logOnce = deduplicated(log)
  for (const { code, message } of settings.notices) logOnce(code, message)
  const counters = createCounters()
  const fault = createFault(counters.counts, rateLimited(log))

  const policyState = createPolicyState(settings, credential, logOnce)
  const policy = policyState.current
  const memoryCache = createMemoryCache(settings.cache.bytes)
  const redis =
    settings.direct || settings.redis === undefined
      ? undefined
      : createRedisServices(settings.redis, settings, memoryCache, log, policyState.adopt, fault)
  const connection = redis?.connection
  const custody = openKeyProvider(settings, connection, log, fault)
  const cache = redis?.cache ?? memoryCache
  const limits = redis ? redis.limits : settings.quota && createMemoryQuota()

  const logOfSinks = rateLimited(log)
  const outlets = configuredSinks(settings, () => policy().policy, connection, logOfSinks)
  const sinks = createSinks(outlets, { ...settings.queue, mask: settings.mask, warn: logOfSinks, fault })
  const semanticCache = createLazySemanticCache(settings, connection, logOfSinks, fault)
  const hooks = createHooks(settings, counters.counts, () => lifecycle.settled(true))
  const observer = createObserver({
    settings,
    hooks,
    sinks,
    semanticCache,
    hasSinks: outlets.length > 0,
    fault,
  })
  const deferred = createDeferredQueue(fault)
  const settlements = createDeferredQueue(fault)
  const records = settings.onCall === undefined ? deferred : createMicrotaskQueue(fault)
  const recorder = createRecorder(counters, records, observer.call, fault, () => redis?.degradation())
  const parts = {
    deferred,
    settlements,
    observer,
    recorder,
    semanticCache,
    sinks,
    redis,
    cache,
    custody,
    fault,
  }
  const lifecycle = createLifecycle(parts)

  const failover: ProxyFailoverStats = { active: 'direct', calls: 0 }
  const answer = pipeline({
    recorder,
    deferred,
    settlements,
    cache,
    limits,
    loadSemantic: semanticCache.load,
    crossProcess: redis?.crossProcess,
    waiting: counters.counts,
    litellm: settings.litellm,
    failover,
    keyProvider: custody?.keyProvider,
    log: rateLimited(log),
    fault,
  })
  const headDeps = {
    settings,
    policy,
    complain: (field: string) => logOnce('GW_CONTROL_IGNORED', ignoredControl(field)),
  }
  const passThrough = createPassThrough({
    ...headDeps,
    counters,
    fault,
    observer,
    forget: async (id) => await Promise.all([cache.forget(id), semanticCache.forget(id)]),
    keyProvider: custody?.keyProvider,
    observeDirectCall: observer.listens
      ? createDirectCallObserver({ settings, policy, recordDirectCall: createDirectCallRecorder(recorder) })
      : undefined,
  })
  const fetchParts: FetchParts = {
    ...headDeps,
    fault,
    passThrough,
    starting: () => redis?.starting(),
    closeRecord: (call) => recorder.discard(call.state),
    /** A call has begun when `answer` returns, if not when it resolves. */
    handler(call) {
      redis?.policyFollower?.poll()
      const reply = answer(call)
      guarded(hooks.announce, fault, 'waitUntil')
      return reply
    },
  }

  const controls = createControls({ ...parts, settings, counters, memoryCache, policy, failover, lifecycle })
  // The callback must not refer to `controls`: it runs once nothing else does.
  collected.register(controls, () => detached(lifecycle.close(LINGER_MS), fault, 'closing'))
  return {
    controls,
    log: logOnce,
    fault,
    /** Key for clients without one for models: the proxy's in mode `litellm`, the placeholder under custody. */
    defaultKey:
      credential === 'models'
        ? undefined
        : (policy().proxyFor(settings.agent)?.apiKey ?? (settings.custody ? PLACEHOLDER_KEY : undefined)),
    /** Whether hooks run in the context of their callers. */
    runsHooks: settings.onCall !== undefined,
    createFetch: (binding: ClientBinding) => createFetch(fetchParts, binding),
  }
}

const ignoredControl = (field: string) =>
  /cache(\.namespace)?$/.test(field)
    ? `${field} is not understood: such calls bypass the cache`
    : `${field} is malformed and was ignored`
