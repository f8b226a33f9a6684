import { hotdashPolicy } from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { failure } from '../behaviours/agent.ts'
import { house, settled } from './house.ts'
import { litellmConfig } from './support.ts'

/** As it is for a proxy with a database; without one it starts, and knows the master key alone. */
const home = house(() => litellmConfig(hotdashPolicy))
const ask = (content: string) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] })
const client = (apiKey: string) => new OpenAI({ baseURL: `${home.proxy.url}/v1`, apiKey, maxRetries: 0 })

describe('the configuration that is made by default', () => {
  test("starts, and offers the policy's models and no others", async () => {
    const { data } = await client(home.proxy.masterKey).models.list()
    expect(data.map(({ id }) => id).toSorted()).toEqual(Object.keys(hotdashPolicy.models).toSorted())
    expect(home.proxy.log()).not.toMatch(/Traceback/)
  })

  test("charges the policy's prices", async () => {
    const { data, response } = await client(home.proxy.masterKey)
      .chat.completions.create({ ...ask('prices'), model: 'gpt-4o' })
      .withResponse()
    const { prompt_tokens = 0, completion_tokens = 0 } = data.usage ?? {}
    const usd = (prompt_tokens * 2.5 + completion_tokens * 10) / 1e6
    expect(Number(response.headers.get('x-litellm-response-cost'))).toBeCloseTo(usd, 9)
  })

  test('caches in Redis, for as long as the policy says', async () => {
    await client(home.proxy.masterKey).chat.completions.create(ask('cached in Redis'))
    await settled()
    const { response } = await client(home.proxy.masterKey)
      .chat.completions.create(ask('cached in Redis'))
      .withResponse()
    const key = response.headers.get('x-litellm-cache-key') ?? ''
    expect(await home.redis.admin.ttl(key)).toBeGreaterThan(86_000)
    expect(await home.redis.admin.ttl(key)).toBeLessThanOrEqual(86_400)
    expect(home.upstream.count()).toBe(1)
  })

  test('neither retries nor fails over: that is done by the clients', async () => {
    home.upstream.fail({ type: 'status', status: 503 }, { times: 10 })
    expect(await failure(client(home.proxy.masterKey).chat.completions.create(ask('broken')))).toMatchObject({
      status: 503,
    })
    expect(home.upstream.count()).toBe(1)
    home.upstream.reset()
    await client(home.proxy.masterKey).chat.completions.create(ask('whole again'))
  })

  test('without its database no team key is known', async () => {
    expect(await failure(client('sk-somebody').chat.completions.create(ask('x')))).not.toBe('no error')
    expect(home.upstream.count()).toBe(0)
  })
})
