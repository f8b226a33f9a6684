import { createPriceBook } from './account/price.ts'
import type { CallRecord } from './account/record.ts'
import { createRecorder } from './account/recorder.ts'
import { createCounters, type Stats } from './account/stats.ts'
import { createMemoryCache } from './cache/memory.ts'
import { checkPurge, type Purge } from './cache/purge.ts'
import { createRedisCache } from './cache/redis.ts'
import { createTieredCache } from './cache/tiered.ts'
import type { Across } from './coalesce/across.ts'
import { createLeases } from './coalesce/lease.ts'
import { createNews } from './coalesce/news.ts'
import { createDoor, type Entrance } from './door.ts'
import { byPathTail } from './governed.ts'
import type { Origin } from './identify/origin.ts'
import { createDirectory } from './identify/who.ts'
import { createLater, soon } from './later.ts'
import { type GatewayOptions, type Settings, settingsOf } from './options.ts'
import { pipeline } from './pipeline.ts'
import { createMemoryQuota } from './quota/memory.ts'
import { createLink, type Link, type LinkState } from './redis/link.ts'
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
}

export type Gateway = GatewayControls & {
  /** A drop-in for the `fetch` option of any OpenAI-speaking SDK. */
  fetch: typeof fetch
}

/** The gateway as parts: controls, and a door for each client. */
export function assemble(options: GatewayOptions | undefined) {
  const settings = settingsOf(options)
  const { policy } = settings
  const say = once((message) => console.warn(`[llm-gateway] ${message}`))
  const counters = createCounters()
  const link = settings.direct ? undefined : linkTo(settings, say)
  const memory = createMemoryCache(settings.cache.bytes)
  const shared = link && createRedisCache(link, { maxBytes: settings.cache.sharedBytes })
  const answers =
    link && shared ? createTieredCache(memory, shared, { link, localMs: settings.cache.localMs }) : memory
  const abroad = link && settings.across && meetingsOver(link, settings.across)
  const later = createLater()
  const recorder = createRecorder(counters, settings.onCall === undefined ? later : soon, emit)
  const handler = pipeline({
    policy,
    recorder,
    later,
    answers,
    abroad,
    prices: createPriceBook(policy.models ?? {}),
    gauge: counters.counts,
    limits: settings.quota ? createMemoryQuota() : undefined,
  })
  const house = { settings, handler, counters, answers, who: createDirectory(policy, say) }

  function emit(record: CallRecord, origin: Origin) {
    if (settings.onCall === undefined) return
    const failed = () => {
      counters.counts.hookErrors += 1
    }
    try {
      const result = origin.run(() => settings.onCall?.(record))
      if (result instanceof Promise) result.catch(failed)
    } catch {
      failed()
    }
  }

  async function settled() {
    await recorder.settled()
    later.run()
    await answers.settled()
    await abroad?.leases.settled()
  }

  const controls: GatewayControls = {
    flush: (deadlineMs = 5_000) => within(settled(), deadlineMs),
    async purge(what) {
      later.run()
      return await answers.purge(checkPurge(what))
    },
    async close(deadlineMs) {
      const done = await controls.flush(deadlineMs)
      answers.close()
      abroad?.news.close()
      link?.close()
      return done
    },
    stats() {
      later.run()
      return {
        ...counters.snapshot(),
        memoryCache: memory.size(),
        ...(shared === undefined ? {} : { sharedCache: shared.stats() }),
        ...(abroad === undefined ? {} : { acrossProcesses: { ...abroad.counts } }),
        ...(link === undefined ? {} : { redis: link.stats() }),
      }
    },
  }
  return {
    controls,
    say,
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
    fetch: door({ transport: transport ?? globalFetch, governs: byPathTail, frozen: false }),
  }
}

/** Looked up at each call: tests and instrumentation replace it. */
const globalFetch: typeof fetch = (...args) => globalThis.fetch(...args)

function meetingsOver(link: Link, { waitMs }: { waitMs: number }): Across {
  const counts = { led: 0, takenOver: 0, followed: 0, gaveUp: 0 }
  return { leases: createLeases(link), news: createNews(link), waitMs, counts }
}

/** Says each change of the connection's state, but no more than one a minute. */
function linkTo({ redis, deadlines }: Settings, say: (message: string) => void): Link | undefined {
  if (redis === undefined) return undefined
  const onChange = (state: LinkState, trouble: string | undefined) => {
    if (state === 'slow' || state === 'down') say(`Redis is ${state}: ${trouble}`)
  }
  return createLink(redis, { deadlineMs: deadlines.redisMs, connectMs: deadlines.connectMs, onChange })
}

function once(say: (message: string) => void): (message: string) => void {
  const said = new Set<string>()
  return (message) => {
    if (said.has(message) || said.size > 100) return
    said.add(message)
    say(message)
  }
}
