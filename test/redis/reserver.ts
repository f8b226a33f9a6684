import type { NanoUsd } from '#src/core/money.ts'
import type { Limits } from '#src/core/team-limits.ts'
import { createRedisQuota } from '#src/quota/redis/quota.ts'
import { createRedisConnection } from '#src/redis/connection.ts'

/** What a reserver is started with. Its clock is at noon at the machine's time `start`, and runs `speed` times as fast. */
export type Work = {
  name: string
  redis: string
  start: number
  speed: number
  limits: Limits
  leaseMs: number
}

/** One admitted call, by that clock: it was let in between `asked` and `told`. */
export type Admission = { id: string; asked: number; told: number; tokens: number; worst: number }
export type Settled = { id: string; at: number; cost: number; tokens: number }
export type Told = { admitted: Admission } | { settled: Settled }

const NOON = Date.UTC(2026, 10, 23, 12)

/** A process that asks for more than its team may have, and takes now less, now more than was expected. */
export async function reserve({ name, redis, start, speed, limits, leaseMs }: Work) {
  const now = () => NOON + Math.round((Date.now() - start) * speed)
  const link = createRedisConnection(redis, {
    deadlineMs: 2_000,
    connectMs: 5_000,
    onChange: () => undefined,
  })
  const store = createRedisQuota(link, { clock: 'client', now })
  const tell = (told: Told) => process.send?.(told)

  for (let call = 0; ; call += 1) {
    const id = `${name}/${call}`
    const inputTokens = Math.ceil(Math.random() * 200)
    const worst = Math.ceil(Math.random() * 2_000)
    const asked = now()
    const verdict = await store.reserve({
      id,
      team: 'fleet',
      agent: 'a',
      model: 'm',
      limits,
      inputTokens,
      maxOutputTokens: 800,
      worstCost: worst as NanoUsd,
      leaseMs,
    })
    if (verdict.admitted) {
      const tokens = inputTokens + (limits.tpmMode === 'strict' ? 800 : 0)
      tell({ admitted: { id, asked, told: now(), tokens, worst } })
      const cost = Math.floor(Math.random() * worst)
      const used = inputTokens + Math.floor(Math.random() * 800)
      setTimeout(async () => {
        tell({ settled: { id, at: now(), cost, tokens: used } })
        await store.settle({
          id,
          team: 'fleet',
          tokens: used,
          learnOutputTokens: used - inputTokens,
          cost: cost as NanoUsd,
          unconfirmed: 0 as NanoUsd,
        })
      }, Math.random() * 100)
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 12))
  }
}

if (process.send !== undefined) void reserve(JSON.parse(process.argv[2] ?? '{}'))
