import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Redis } from 'ioredis'
import { quantile } from '../measure.ts'
import type { Plan } from './result.ts'
import { type Around, start } from './started.ts'
import { attempt, type Side, type Upstream } from './turns.ts'

/** What connections say of themselves, and health checks: not of calls. */
const NOT_OF_CALLS = /^(hello|auth|ping|info|client|select|command|config|monitor|script|quit)$/i
const LIMIT_MS = 5_000
const CAP_USD = 10
/** Upstream tells of 250 tokens in and 100 out; `sides/` have such prices. */
const USD_PER_CALL = 0.1
const PROCESSES = 4

/** Processor time that an import takes in fresh processes, ms. Servers are started once: `start ms`. */
export async function imports(sides: Side[], rounds: number): Promise<void> {
  const taken = new Map<Side, number[]>(sides.map((side) => [side, []]))
  for (let round = 0; round < rounds; round += 1)
    for (const side of sides)
      await attempt(side, 'import', async () => {
        const { file, peer } = side.started
        // Our sides are TypeScript, which Node would have to strip first.
        const what = peer.npm === undefined ? '@hotdash/llm-gateway' : pathToFileURL(file).href
        const script = `const before = process.cpuUsage(); await import(${JSON.stringify(what)}); const { user, system } = process.cpuUsage(before); console.log((user + system) / 1_000); process.exit(0)`
        const args = ['--input-type=module', '-e', script]
        const said = execFileSync(process.execPath, args, { cwd: dirname(file), timeout: 30_000 })
        taken.get(side)?.push(Number(said))
      })
  for (const [{ row }, all] of taken) if (all.length > 0) row.figures['import cpu ms'] = quantile(all, 0.5)
}

/** Commands that clients send for a call; those that a script runs by itself are not counted. */
export async function commands(sides: Side[], calls: number): Promise<void> {
  for (const side of sides)
    for (const what of ['miss', 'hit'] as const) {
      const { peer, redis, ask } = side.started
      if (redis === undefined || (what === 'hit' && peer.cache !== 'Redis')) continue
      await attempt(side, `commands of a ${what}`, async () => {
        const count = await countingOn(redis.admin)
        await ask({ do: 'calls', what, bytes: 1_000, calls })
        await sleep(400)
        side.row.figures[`commands of a ${what}`] = count() / calls
      })
    }
}

/** Returns a function that tells how many commands there were, and stops listening. */
async function countingOn(admin: Redis): Promise<() => number> {
  const monitor = await admin.monitor()
  let count = 0
  monitor.on('monitor', (_: string, [name = '']: string[], source: string) => {
    if (source !== 'lua' && !NOT_OF_CALLS.test(name)) count += 1
  })
  return () => {
    monitor.disconnect()
    return count
  }
}

/** The same question many times at once, while upstream takes 50 ms: how often it is asked. */
export async function identical(sides: Side[], calls: number, upstream: Upstream): Promise<void> {
  await upstream.delay(50)
  for (const side of sides)
    await attempt(side, 'identical', async () => {
      const before = await upstream.asked()
      const { lost } = await side.started.ask({ do: 'burst', same: true, calls, limitMs: 60_000 })
      side.row.figures['identical upstream'] = (await upstream.asked()) - before
      if (lost > 0) side.row.figures['identical lost'] = lost
    })
  await upstream.delay(0)
}

/** What four processes spend of a cap of $10, if each calls at once as often as it can. */
export async function spend(sides: Side[], calls: number, around: Around, upstream: Upstream): Promise<void> {
  await upstream.delay(100)
  for (const side of sides.filter(({ started }) => started.peer.budget))
    await attempt(side, 'spend', async () => {
      const fresh = await start(side.started.peer, around, CAP_USD)
      try {
        const callers = [fresh, ...(await Promise.all([1, 2, 3].map(() => fresh.further())))]
        const before = await upstream.asked()
        const order = { do: 'burst', same: false, calls: calls / PROCESSES, limitMs: 60_000 } as const
        const told = await Promise.all(callers.map((caller) => caller.ask(order)))
        side.row.figures['spent dollars'] = ((await upstream.asked()) - before) * USD_PER_CALL
        side.row.figures['spend refused'] = told.reduce((sum, { lost }) => sum + lost, 0)
      } finally {
        await fresh.close()
      }
    })
  await upstream.delay(0)
}

/** Calls that fail, or have no answer after 5 s, while their Redis hangs, and after it was killed, right after others. */
export async function lose(sides: Side[], { lost: calls }: Plan): Promise<void> {
  const order = { do: 'burst', same: false, calls, limitMs: LIMIT_MS } as const
  const having = sides.filter(({ started }) => started.redis !== undefined)
  for (const how of ['hung', 'killed'] as const) {
    // Peers that are at work: what they were granted a while ago would have ended.
    const warm = (side: Side) =>
      attempt(side, `before Redis ${how}`, async () => void (await side.started.ask(order)))
    await Promise.all(having.map(warm))
    for (const { started } of having)
      if (how === 'hung') started.redis?.pause()
      else await started.redis?.kill()
    await sleep(300)
    // A peer that waits does nothing else: all wait together.
    await Promise.all(
      having.map((side) =>
        attempt(side, `Redis ${how}`, async () => {
          const told = await side.started.ask(order)
          side.row.figures[`lost, Redis ${how}`] = told.lost
          if (told.errors[0] !== undefined) side.row.notes[`Redis ${how}`] = told.errors[0]
        }),
      ),
    )
    if (how === 'hung') for (const { started } of having) started.redis?.resume()
    await sleep(1_000)
  }
}
