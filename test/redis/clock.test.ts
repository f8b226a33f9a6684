import { setTimeout as sleep } from 'node:timers/promises'
import { type GatewayOptions, gatewayOptions } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'
import { startFront } from './front.ts'
import { type RedisServer, startRedis } from './server.ts'

/** The clock of this process, and thus of all its clients: Redis keeps the true time. */
const now = Date.now
let aheadMs = 0
const HOUR_MS = 3_600_000
const policy = { version: 1, teams: { t: { agents: ['a'] } } }

let redis: RedisServer
let upstream: FakeOpenAI
let front: Awaited<ReturnType<typeof startFront>>
beforeAll(async () => {
  redis = await startRedis()
  front = await startFront(redis.port)
  // Each answer tells which request it was given to.
  upstream = await startFakeOpenAI({
    tokens: 'approximate',
    answer: (request) => String(upstream.requests.indexOf(request)),
  })
  Date.now = () => now() + aheadMs
})
afterAll(async () => {
  Date.now = now
  front.close()
  await redis.close()
  await upstream.close()
})
afterEach(async () => {
  aheadMs = 0
  await redis.admin.flushall()
})

const gateway = (options: GatewayOptions): Promise<Setup> =>
  setup(
    {
      policy,
      agent: 'a',
      quota: false,
      metrics: false,
      logger: false,
      deadlines: { redisMs: 5_000 },
      ...options,
    },
    { baseURL: upstream.baseURL },
  )

async function requestFor({ client }: Setup, content: string): Promise<number> {
  const { choices } = await client.chat.completions.create(ask(content))
  await client.gateway.flush()
  return Number(choices[0]?.message.content)
}

test.each([{}, { team: 't' }, { agent: 'a' }, { model: 'gpt-4o-mini' }])(
  'a purge of %j that a process has missed holds, although its clock has been set back since it read the answer',
  async (what) => {
    const one = await gateway({ redis: front.url })
    const other = await gateway({ redis: redis.url })
    aheadMs = HOUR_MS
    const early = await requestFor(one, 'x')
    expect(await requestFor(one, 'x')).toBe(early)
    aheadMs = 0
    // A port where nothing listens: until the connection is back, nothing is heard.
    front.switchTo(1)
    await other.client.gateway.purge(what)
    front.switchTo(redis.port)
    await expect.poll(() => one.client.gateway.stats().redis?.state).toBe('up')
    await expect.poll(() => requestFor(one, 'x')).not.toBe(early)
  },
)

test('what is newer in Redis is found after `localSeconds`, although the clock has been set back', async () => {
  const one = await gateway({ redis: redis.url, cache: { exact: { localSeconds: 0.3 } } })
  const other = await gateway({ redis: redis.url })
  aheadMs = HOUR_MS
  const early = await requestFor(one, 'x')
  aheadMs = 0
  const { choices } = await other.client.chat.completions.create(
    ask('x'),
    gatewayOptions({ cache: { noCache: true } }),
  )
  await other.client.gateway.flush()
  const fresh = Number(choices[0]?.message.content)
  expect(fresh).not.toBe(early)
  await expect.poll(() => requestFor(one, 'x')).toBe(fresh)
})

test.each([
  ['set back', HOUR_MS, 0],
  ['set forward', 0, HOUR_MS],
])(
  'entries of other processes are found by meaning, although the clock has been %s',
  async (_, before, after) => {
    const alike = {
      ...embedder,
      embed: async (texts: readonly string[]) =>
        texts.map(() => new Float32Array(embedder.dimensions).fill(1)),
    }
    const options: GatewayOptions = {
      redis: redis.url,
      policy: {
        ...policy,
        cache: {
          exact: false,
          semantic: { mode: 'on', threshold: 0.95, guards: [], errorBudget: 1, judge: false },
        },
      },
      cache: { semantic: { embedder: alike, secret: 'shared by all processes', deadlineMs: 5_000 } },
    }
    const one = await gateway(options)
    const other = await gateway(options)
    aheadMs = before
    await requestFor(one, 'Which woods do you use for tables')
    for (const key of await redis.admin.keys('gw:*:s:*')) await redis.admin.del(key)
    // The other process has the true time all along.
    aheadMs = 0
    const asked = await requestFor(other, 'How do I return shoes to you')
    aheadMs = after
    // Each ask looks for news, at most once a second.
    await expect
      .poll(async () => {
        const { data, response } = await one.client.chat.completions
          .create(
            ask('How does one return shoes to your shop'),
            // Its own answer would hide the other's.
            gatewayOptions({ cache: { noStore: true } }),
          )
          .withResponse()
        await sleep(200)
        return [response.headers.get('x-gateway-cache'), Number(data.choices[0]?.message.content)]
      })
      .toEqual(['semantic', asked])
  },
)

test('what was deleted while Redis hung is not given again, although the clock was ahead when it was stored', async () => {
  const { client } = await gateway({ redis: redis.url })
  const make = async () => {
    const answer = await client.responses.create({ model: 'gpt-4o-mini', input: 'x' })
    await client.gateway.flush()
    return answer
  }
  aheadMs = HOUR_MS
  const early = await make()
  expect((await make()).output_text).toBe(early.output_text)
  aheadMs = 0
  redis.pause()
  const deletion = client.responses.delete(early.id)
  // Upstream is told first; what Redis is told is repeated once it answers.
  await deletion.catch(() => undefined)
  redis.resume()
  expect((await make()).output_text).not.toBe(early.output_text)
})
