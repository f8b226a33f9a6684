import { createPriceBook } from './account/price.ts'
import type { CallRecord } from './account/record.ts'
import { createRecorder } from './account/recorder.ts'
import { createCounters, type Stats } from './account/stats.ts'
import { createMemoryCache } from './cache/memory.ts'
import { createDoor, type Entrance } from './door.ts'
import { byPathTail } from './governed.ts'
import type { Origin } from './identify/origin.ts'
import { createDirectory } from './identify/who.ts'
import { type GatewayOptions, type Settings, settingsOf } from './options.ts'
import { pipeline } from './pipeline.ts'
import { createMemoryQuota } from './quota/memory.ts'
import { createRedisQuota } from './quota/redis/quota.ts'
import { createLink, type Link, type LinkState } from './redis/link.ts'
import { within } from './wait.ts'

/** What a client's `.gateway` offers. */
export type GatewayControls = {
  /** Waits until every call so far is recorded. False: not within `deadlineMs`. @default 5000 */
  flush: (deadlineMs?: number) => Promise<boolean>
  /** `flush`, then lets go of the cache. Calls made afterwards still work. */
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
  const warn = (message: string) => console.warn(`[llm-gateway] ${message}`)
  const say = once(warn)
  const counters = createCounters()
  const link = settings.direct ? undefined : linkTo(settings, say)
  const shared = link && settings.quota ? createRedisQuota(link, { ...settings.quota, say: warn }) : undefined
  const answers = createMemoryCache(settings.cacheBytes)
  const recorder = createRecorder(counters, emit)
  const handler = pipeline({
    policy,
    recorder,
    answers,
    prices: createPriceBook(policy.models ?? {}),
    limits: settings.quota ? (shared ?? createMemoryQuota()) : undefined,
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

  const controls: GatewayControls = {
    flush: (deadlineMs = 5_000) => within(Promise.all([recorder.settled(), shared?.settled()]), deadlineMs),
    async close(deadlineMs) {
      const done = await controls.flush(deadlineMs)
      await answers.clear()
      shared?.close()
      link?.close()
      return done
    },
    stats: () => ({
      ...counters.snapshot(),
      memoryCache: answers.size(),
      ...(link === undefined ? {} : { redis: link.stats() }),
      ...(shared === undefined ? {} : { quota: shared.stats() }),
    }),
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
