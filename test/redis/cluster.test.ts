import { globSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { GatewayOptions } from '@hotdash/llm-gateway'
import { openPolicyStore } from '@hotdash/llm-gateway/policy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readMetrics } from '#src/sinks/metrics/read.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { startCluster } from './server.ts'

/** A command as a server of the cluster ran it. `isInside`: by a script. */
type Seen = { node: number; name: string; args: string[]; isInside: boolean }

const source = fileURLToPath(new URL('../../packages/gateway/src/', import.meta.url))
const programs = globSync('**/*.lua', { cwd: source }).map((path) => ({
  path,
  text: readFileSync(`${source}${path}`, 'utf8'),
}))

const DAY = { from: Date.now() - 3_600_000, to: Date.now() + 3_600_000 }
const WAIT = { timeout: 10_000 }
const TEAM = { agents: ['one'], rpm: 1_000, tpm: 10_000_000, usdPerDay: 1_000 }
const POLICY = {
  teams: { chairs: TEAM },
  cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } },
} as const

/** Scripts of a gateway's own work. Others serve an operator, or Supabase's return: see test/redis and test/supabase. */
const RAN = [
  'cache-entry/put.lua',
  'cache-entry/raise-stamp.lua',
  'coalesce/release.lua',
  'policy/live/history.lua',
  'policy/live/write.lua',
  'quota/redis/lease.lua',
  'quota/redis/leave.lua',
  'quota/redis/report.lua',
  'quota/redis/reserve.lua',
  'quota/redis/settle.lua',
  'quota/redis/settlement.lua',
  'quota/redis/state.lua',
  'sinks/metrics/read.lua',
  'sinks/metrics/write.lua',
  'sinks/supabase/put.lua',
]

let cluster: Awaited<ReturnType<typeof startCluster>>
const seen: Seen[] = []
const closing: (() => unknown)[] = []

beforeAll(async () => {
  cluster = await startCluster()
  for (const [node, { admin }] of cluster.nodes.entries()) {
    const monitor = await admin.monitor()
    monitor.on('monitor', (_time: string, [name = '', ...args]: string[], from: string) => {
      seen.push({ node, name: name.toLowerCase(), args, isInside: from === 'lua' })
    })
    closing.push(() => monitor.disconnect())
  }
})
afterAll(async () => {
  for (const close of closing.toReversed()) await close()
  await cluster.close()
})

async function gateway(options: GatewayOptions, baseURL?: string): Promise<Setup> {
  const it = await setup(
    {
      redis: cluster.url,
      policy: POLICY,
      deadlines: { redisMs: 2_000, connectMs: 5_000 },
      cache: { exact: { localSeconds: 0 }, semantic: { embedder, secret: 'shared by all processes' } },
      coalesce: { crossProcess: true },
      supabase: { via: 'redis' },
      ...options,
    },
    baseURL === undefined ? {} : { baseURL },
  )
  closing.push(() => it.client.gateway.close())
  return it
}

const asking = async ({ client, records }: Setup, question: string) => {
  await client.chat.completions.create(ask(question))
  await client.gateway.flush()
  return records.at(-1)
}

/** Keys that a script was given: the number of keys follows its text or digest. */
const keysOf = ({ args: [, count, ...rest] }: Seen) => rest.slice(0, Number(count))

test('caches, limits, metrics, spilled rows, flights, purges and the live policy work in a cluster of three', async () => {
  const one = await gateway({ agent: 'one' })
  const other = await gateway({ agent: 'one' }, one.upstream.baseURL)
  const found = { calls: 0 }
  const hit = async (question: string) => {
    found.calls += 1
    return await asking(other, question)
  }
  expect((await asking(one, 'Do you ship the wooden chairs to Norway?'))?.cache).toBe('miss')
  expect((await hit('Do you ship the wooden chairs to Norway?'))?.cache).toBe('exact')
  // A process loads what there is with its first question, and looks for more once a second.
  await hit('Which woods do you use for tables?')
  await sleep(1_100)
  expect((await hit('Do you ship wooden chairs to Norway?'))?.cache).toBe('semantic')

  const together = await Promise.all(
    [one, other].map(({ client }) => client.chat.completions.create(ask('at once'))),
  )
  expect(new Set(together.map(({ choices }) => choices[0]?.message.content)).size).toBe(1)
  for (const { client } of [one, other]) {
    await client.gateway.flush()
    expect(client.gateway.stats()).toMatchObject({
      quota: { mode: 'shared', alone: 0, errors: 0 },
      sinks: { supabase: { rejected: 0, dropped: 0 } },
    })
  }
  const counted = async () => (await readMetrics(cluster.url, DAY)).summary.calls
  await expect.poll(counted, WAIT).toBeGreaterThanOrEqual(found.calls)

  const store = openPolicyStore({ redis: cluster.url })
  closing.push(() => store.close())
  await store.push({ ...POLICY, teams: { chairs: { ...TEAM, rpm: 500 } } })
  await expect.poll(() => other.client.gateway.policy().teams?.chairs?.rpm, WAIT).toBe(500)
  expect(await store.history()).toHaveLength(1)

  await other.client.gateway.purge({})
  expect((await asking(one, 'Do you ship the wooden chairs to Norway?'))?.cache).toBe('miss')
  for (const { client } of [one, other]) await client.gateway.close()
  await expect.poll(() => seen.some(({ args: [text = ''] }) => text.includes('Removes a process'))).toBe(true)
})

test('each script declares its keys, and they share one slot', async () => {
  const scripts = seen.filter(({ name, isInside }) => !isInside && /^eval(sha)?$/.test(name))
  const slotOf = async (key: string) => Number(await cluster.nodes[0]?.admin.cluster('KEYSLOT', key))
  for (const keys of new Set(scripts.map((script) => keysOf(script).join('\n'))))
    expect(new Set(await Promise.all(keys.split('\n').map(slotOf))).size, keys).toBe(1)

  const undeclared: string[] = []
  for (const node of cluster.nodes.keys()) {
    let declared: string[] = []
    for (const each of seen.filter((one) => one.node === node)) {
      if (!each.isInside) declared = /^eval(sha)?$/.test(each.name) ? keysOf(each) : []
      else if (each.name !== 'time' && each.name !== 'publish')
        for (const key of each.name === 'mget' ? each.args : each.args.slice(0, 1))
          if (!declared.includes(key)) undeclared.push(`${each.name} ${key}`)
    }
  }
  expect(undeclared).toEqual([])

  const texts = scripts.filter(({ name }) => name === 'eval').map(({ args: [text = ''] }) => text)
  const ran = programs.filter(({ text }) => texts.some((one) => one.includes(text.split('\n')[0] ?? '')))
  // A busy machine runs others as well, such as the one that renews a lease.
  expect(ran.map(({ path }) => path)).toEqual(expect.arrayContaining(RAN))
})
