import { type Passed, recordOfPassed } from './account/passed.ts'
import { createPriceBook } from './account/price.ts'
import type { CallRecord } from './account/record.ts'
import { createRecorder } from './account/recorder.ts'
import { createCounters, type Stats } from './account/stats.ts'
import type { Ending } from './body/recording.ts'
import { createMemoryCache } from './cache/memory.ts'
import { checkPurge, type Purge } from './cache/purge.ts'
import type { Call, Reply } from './call.ts'
import { createDoor, type Entrance } from './door.ts'
import { byPathTail, restAfterVersion } from './governed.ts'
import type { Origin } from './identify/origin.ts'
import { createDirectory } from './identify/who.ts'
import { createLater, soon } from './later.ts'
import type { DetourStats } from './litellm/detour.ts'
import { asksByMeaning, createMeanings } from './meanings.ts'
import type { GatewayOptions } from './options.ts'
import { createPassThrough } from './pass-through.ts'
import { pipeline } from './pipeline.ts'
import { placesOf } from './places.ts'
import type { Policy } from './policy/policy.ts'
import { createMemoryQuota } from './quota/memory.ts'
import { once, oneAMinute } from './say.ts'
import type { SemanticAdmin } from './semantic/store/admin.ts'
import { settingsOf } from './settings.ts'
import { share } from './shared.ts'
import { createSinks } from './sinks/sinks.ts'
import { within } from './wait.ts'

/** What a client's `.gateway` offers. */
export type GatewayControls = {
  /** Waits until every call so far is recorded, and its answer where others find it. False: not within `deadlineMs`. @default 5000 */
  flush: (deadlineMs?: number) => Promise<boolean>
  /**
   * Forgets cached answers, here, in Redis and in the memory of every process that shares it; resolves with how many
   * there were in Redis, or without Redis here. Everything given must match; `{}` forgets all of them.
   *
   * @example
   * await client.gateway.purge({ team: 'prod_customer', model: 'gpt-4o' })
   * @throws when Redis cannot be reached: this process has forgotten, others may have not.
   * @throws GatewayOptionsError for a field that does not exist.
   */
  purge: (what: Purge) => Promise<number>
  /** `flush`, then lets go of the cache. Calls made afterwards still work, and those in line for a limit stay there. */
  close: (deadlineMs?: number) => Promise<boolean>
  stats: () => Stats
  /** Looks into the semantic cache, and mends it; absent where no policy switches it on. */
  semantic?: SemanticAdmin
  /** The policy in force, for whoever stands between callers and this gateway. */
  policy: () => Readonly<Policy>
}

export type Gateway = GatewayControls & {
  /** A drop-in for the `fetch` option of any OpenAI-speaking SDK. */
  fetch: typeof fetch
}

/** How long a frozen function is kept awake at most. */
const LINGER_MS = 10_000

/** The gateway as parts: controls, and a door for each client. */
export function assemble(options: GatewayOptions | undefined) {
  const settings = settingsOf(options)
  const { policy } = settings
  const warn = (message: string) => console.warn(`[llm-gateway] ${message}`)
  const say = once(warn)
  for (const notice of settings.notices) say(notice)
  const counters = createCounters()
  const memory = createMemoryCache(settings.cache.bytes)
  const { redis } = settings
  const shared = settings.direct || redis === undefined ? undefined : share(redis, settings, memory, warn)
  const answers = shared?.answers ?? memory
  const limits = shared ? shared.limits : settings.quota && createMemoryQuota()
  const [later, settlements] = [createLater(), createLater()]
  const condition = () => shared?.condition()
  const recorder = createRecorder(counters, settings.onCall === undefined ? later : soon, emit, condition)
  const sayOfSinks = oneAMinute(warn)
  const places = placesOf(settings, shared?.link, sayOfSinks)
  const sinks = createSinks(places, { ...settings.queue, mask: settings.mask, say: sayOfSinks })
  const meanings = asksByMeaning(policy) ? createMeanings(settings, shared?.link, sayOfSinks) : undefined
  const detours: DetourStats = { way: 'direct', detours: 0 }
  const answer = pipeline({
    meanings: meanings?.parts,
    policy,
    recorder,
    later,
    settlements,
    answers,
    abroad: shared?.abroad,
    prices: createPriceBook(policy.models ?? {}),
    gauge: counters.counts,
    limits,
    litellm: settings.litellm,
    detours,
    say: oneAMinute(warn),
  })
  const listened = settings.onCall !== undefined || places.length > 0
  const isProxied = settings.litellm?.role === 'always'
  const who = createDirectory(policy, settings.direct ? () => undefined : say, !isProxied)
  const passThrough = createPassThrough({
    settings,
    counters,
    answers,
    who,
    tell: listened ? tell : undefined,
  })
  const house = { settings, handler, counters, who, passThrough }

  /** A call has begun when `answer` returns, if not when it resolves. */
  function handler(call: Call): Promise<Reply> {
    const reply = answer(call)
    announce()
    return reply
  }

  /** Where a function is frozen once it has answered, somebody must be told that there is more to do. */
  function announce() {
    const { waitUntil } = settings
    if (waitUntil !== undefined) guarded(() => waitUntil(within(settled(true), LINGER_MS)))
  }

  function emit(record: CallRecord, call: Call, ending: Ending) {
    hook(record, call.origin)
    meanings?.count(record)
    sinks.receive({ record, said: { call, ending } }, settings.capture ?? call.caller.capture)
  }

  function tell(passed: Passed, origin: Origin) {
    const record = recordOfPassed(passed)
    hook(record, origin)
    sinks.receive({ record }, 'off')
    announce()
  }

  function hook(record: CallRecord, origin: Origin) {
    if (settings.onCall !== undefined) guarded(() => origin.run(() => settings.onCall?.(record)))
  }

  /** Hooks are the program's; what they throw is counted, and nobody else's concern. */
  function guarded(hook: () => void | Promise<void>) {
    const failed = () => {
      counters.counts.hookErrors += 1
    }
    try {
      const result = hook()
      if (result instanceof Promise) result.catch(failed)
    } catch {
      failed()
    }
  }

  async function settled(isLast: boolean) {
    await recorder.settled()
    // It has calls of its own, which have records of their own.
    if (meanings !== undefined) {
      await meanings.settled()
      await recorder.settled()
    }
    later.run()
    settlements.run()
    await Promise.all([shared?.settled(), sinks.drain(({ periodic }) => isLast || !periodic)])
  }

  const controls: GatewayControls = {
    ...(meanings && { semantic: meanings.admin }),
    flush: (deadlineMs = 5_000) => within(settled(false), deadlineMs),
    async purge(what) {
      later.run()
      const wanted = checkPurge(what)
      const [gone, meant = 0] = await Promise.all([answers.purge(wanted), meanings?.admin.remove(wanted)])
      return gone + meant
    },
    async close(deadlineMs = 5_000) {
      const done = await within(settled(true), deadlineMs)
      await within(sinks.close(), 1_000)
      answers.close()
      meanings?.close()
      shared?.close()
      return done
    },
    stats() {
      later.run()
      const where = places.length > 0 ? { sinks: sinks.stats() } : {}
      const way = settings.litellm?.role === 'fallback' ? { litellm: { ...detours } } : {}
      return {
        ...counters.snapshot(),
        ...where,
        ...way,
        memoryCache: memory.size(),
        ...meanings?.stats(),
        ...shared?.stats(),
      }
    },
    policy: () => policy,
  }
  return {
    controls,
    say,
    /** In mode `litellm`: what the proxy is shown. */
    proxyKey: isProxied ? settings.litellm?.apiKey : undefined,
    hooked: settings.onCall !== undefined,
    door: (entrance: Entrance) => createDoor(house, entrance),
  }
}

/**
 * The gateway for SDKs other than `openai`: give its `fetch` to the Vercel AI SDK, LangChain, the Agents SDK.
 *
 * @example
 * const gateway = createGateway({ agent: 'support' })
 * const openai = createOpenAI({ fetch: gateway.fetch })
 * @throws GatewayOptionsError for bad options or a bad policy, naming the field.
 */
export function createGateway(options?: GatewayOptions & { fetch?: typeof fetch }): Gateway {
  const { fetch: transport, ...rest } = options ?? {}
  const { controls, door } = assemble(rest)
  return {
    ...controls,
    fetch: door({
      transport: transport ?? globalFetch,
      governs: byPathTail,
      below: restAfterVersion,
      frozen: false,
    }),
  }
}

/** Looked up at each call: tests and instrumentation replace it. */
const globalFetch: typeof fetch = (...args) => globalThis.fetch(...args)
