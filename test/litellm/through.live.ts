import { createGatewayClient, gatewayOptions, withGateway } from '@hotdash/llm-gateway'
import type { Sink } from '@hotdash/llm-gateway/sinks'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { failure } from '../behaviours/agent.ts'
import { keyOf, policy } from '../behaviours/policy.ts'
import { house, settled } from './house.ts'
import { differences } from './members.ts'
import { litellmConfig, withPoorKey } from './support.ts'

const home = house(() => withPoorKey(litellmConfig(policy, '--auth', 'file')))
const ask = (content: string) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] })

describe('records', () => {
  test('a miss costs what its tokens cost, a hit nothing, and a stream as much as a whole answer', async () => {
    const client = home.deployed('litellm', 'support', 'prod_customer')
    await client.chat.completions.create(ask('what it costs'))
    await settled()
    const { response } = await client.chat.completions.create(ask('what it costs')).withResponse()
    for await (const _ of await client.chat.completions.create({ ...ask('what it costs'), stream: true }));
    await client.gateway.flush()
    const [miss, hit, stream] = home.records
    const price = ((miss?.usage?.input ?? 0) * 0.15 + (miss?.usage?.output ?? 0) * 0.6) / 1e6
    expect(miss).toMatchObject({
      cache: 'miss',
      status: 'ok',
      savedUsd: 0,
      estimated: false,
      team: 'prod_customer',
    })
    expect(miss?.costUsd).toBeCloseTo(price, 5)
    expect(miss?.attempts).toMatchObject([{ status: 200, through: 'litellm' }])
    expect(hit).toMatchObject({ cache: 'exact', costUsd: 0, savedUsd: miss?.costUsd })
    expect(hit?.cacheKey).toContain('prod_customer:')
    expect(stream).toMatchObject({
      cache: 'miss',
      costUsd: miss?.costUsd,
      estimated: false,
      usage: miss?.usage,
    })
    expect(response.headers.get('x-gateway-cost-usd')).toBe('0.000000')
    expect(response.headers.get('x-litellm-response-cost')).not.toBe('0')
  })

  test('every record goes to the sinks, with what was asked and answered', async () => {
    const reports: { cache: string; output: boolean }[] = []
    const sink: Sink = {
      name: 'keeper',
      async deliver(batch) {
        for (const { record, content } of batch)
          reports.push({ cache: record.cache, output: content?.output !== undefined })
        return undefined
      },
    }
    const client = home.deployed('litellm', 'support', 'prod_customer', { sinks: [sink] })
    await client.chat.completions.create(ask('to the sinks'))
    await settled()
    await client.chat.completions.create(ask('to the sinks'))
    await client.gateway.flush()
    expect(reports).toEqual([
      { cache: 'miss', output: true },
      { cache: 'exact', output: true },
    ])
  })
})

describe('keys', () => {
  test('upstream sees its own key, the proxy the team key, and neither sees our headers', async () => {
    const client = home.deployed('litellm', 'support', 'prod_customer')
    await withGateway({ session: 'S-1', tags: ['nightly'] }, () =>
      client.chat.completions.create(ask('keys')),
    )
    const [request] = home.upstream.requests
    expect(request?.headers.authorization).toBe('Bearer upstream-key')
    expect(Object.keys(request?.body ?? {}).toSorted()).toEqual(['messages', 'model'])
    expect(JSON.stringify(request)).not.toMatch(/x-gateway|S-1|nightly/)
  })

  test('a client without a key of OpenAI is enough', async () => {
    home.deployed('litellm', 'support', 'prod_customer')
    const { OPENAI_API_KEY: _, ...env } = process.env
    const before = process.env
    process.env = env
    try {
      const client = createGatewayClient({ gateway: { litellm: { baseURL: `${home.proxy.url}/v1/` } } })
      expect((await client.chat.completions.create(ask('no key'))).object).toBe('chat.completion')
    } finally {
      process.env = before
    }
  })

  test('who shows another key shares no call under way', async () => {
    const client = home.deployed('litellm', 'support', 'prod_customer')
    const other = gatewayOptions({ key: keyOf('prod_ceo') })
    await Promise.all([
      client.chat.completions.create(ask('two keys')),
      client.chat.completions.create(ask('two keys'), other),
    ])
    expect(home.upstream.count()).toBe(2)
  })
})

describe("the proxy's own no", () => {
  test('a used-up budget is our budget error, asked once', async () => {
    const client = home.deployed('litellm', 'anybody', 'poor', { policy: {} })
    expect(await failure(client.chat.completions.create(ask('poor')))).toEqual({
      name: 'RateLimitError',
      status: 429,
      code: 'gateway_daily_usd_exceeded',
      type: 'rate_limit_error',
    })
    expect(home.records[0]).toMatchObject({
      status: 'refused',
      error: 'gateway_daily_usd_exceeded',
      costUsd: 0,
    })
    expect(home.records[0]?.attempts).toHaveLength(1)
  })

  test('a model that only the proxy forbids', async () => {
    const client = home.deployed('litellm', 'anybody', 'mini', { policy: {} })
    expect(await failure(client.chat.completions.create({ ...ask('x'), model: 'gpt-4o' }))).toMatchObject({
      status: 403,
      code: 'gateway_model_not_allowed',
    })
    expect(
      await failure(client.chat.completions.create({ ...ask('x'), model: 'no-such-model' })),
    ).toMatchObject({
      status: 403,
      code: 'gateway_model_not_allowed',
    })
    expect(home.upstream.count()).toBe(0)
  })

  test('a retry-after of one minute delays no call', async () => {
    const client = home.deployed('litellm', 'few', 'few')
    const all = [1, 2, 3, 4].map((at) =>
      client.chat.completions.create(ask(`few ${at}`)).catch((error) => error),
    )
    const errors = (await Promise.all(all)).filter((outcome) => outcome instanceof OpenAI.RateLimitError)
    expect(errors).toHaveLength(2)
    expect(errors[0]?.headers.get('retry-after')).toBe('60')
    expect(errors[0]?.message).not.toMatch(/[0-9a-f]{64}/)
    await client.gateway.flush()
    // Four calls, and none of them was tried again.
    expect(home.records.map(({ attempts }) => attempts.length)).toEqual([1, 1, 1, 1])
  })
})

test("LiteLLM's answers differ from upstream's in these members", async () => {
  const direct = home.deployed('direct', 'support', 'prod_customer')
  const litellm = home.deployed('litellm', 'support', 'prod_customer')
  const both = async (path: string, body: Record<string, unknown>) => {
    const [from, to] = await Promise.all(
      [direct, litellm].map((client) => client.post(path, { body, maxRetries: 0 }) as Promise<unknown>),
    )
    return differences(from, to)
  }
  const input = { model: 'gpt-4o-mini', input: 'shapes', store: false }
  const embedding = {
    model: 'text-embedding-3-large',
    input: 'shapes',
    encoding_format: 'float',
    dimensions: 2,
  }
  expect({
    chat: await both('/chat/completions', ask('shapes')),
    responses: await both('/responses', input),
    embeddings: await both('/embeddings', embedding),
    completions: await both('/completions', { model: 'gpt-4o-mini', prompt: 'shapes' }),
  }).toMatchInlineSnapshot(`
    {
      "chat": [
        "choices.0.logprobs missing",
        "choices.0.message.provider_specific_fields added",
        "choices.0.message.refusal missing",
        "choices.0.provider_specific_fields added",
      ],
      "completions": [
        "choices.0.text changed",
        "created changed",
        "id changed",
        "system_fingerprint missing",
        "usage.completion_tokens changed",
        "usage.completion_tokens_details added",
        "usage.prompt_tokens changed",
        "usage.prompt_tokens_details added",
        "usage.total_tokens changed",
      ],
      "embeddings": [
        "usage.completion_tokens added",
        "usage.completion_tokens_details added",
        "usage.prompt_tokens_details added",
      ],
      "responses": [
        "id changed",
        "output.0.phase added",
        "usage.cost added",
        "usage.input_tokens_details.audio_tokens added",
        "usage.input_tokens_details.text_tokens added",
        "usage.output_tokens_details.audio_tokens added",
        "usage.output_tokens_details.text_tokens added",
      ],
    }
  `)
})

describe('the proxy as a way out', () => {
  test('calls go through the proxy while the direct route is broken, and come back by themselves', async () => {
    const broken = await startFakeOpenAI({ tokens: 'approximate' })
    try {
      home.deployed('embedded', 'support', 'prod_customer')
      const client = createGatewayClient({
        baseURL: broken.baseURL,
        gateway: { litellm: { lookAgainMs: 100 }, policy, agent: 'support', redis: false },
      })
      broken.fail({ type: 'status', status: 503 }, { times: 4 })
      const answer = await client.chat.completions.create(ask('a way out'))
      expect(answer.choices[0]?.finish_reason).toBe('stop')
      expect(client.gateway.stats()).toMatchObject({ faults: 0, litellm: { active: 'litellm', calls: 1 } })
      expect(home.upstream.count()).toBe(1)
      for (let at = 0; client.gateway.stats().litellm?.active === 'litellm' && at < 200; at += 1) {
        await client.chat.completions.create(ask(`meanwhile ${at}`))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const through = home.upstream.count()
      await client.chat.completions.create(ask('and back'))
      expect(client.gateway.stats()).toMatchObject({
        failed: 0,
        litellm: { active: 'direct', calls: through },
      })
      expect(home.upstream.count()).toBe(through)
      await client.gateway.close()
    } finally {
      await broken.close()
    }
  })
})
