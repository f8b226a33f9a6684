import { gatewayOptions } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { runs } from './runs.ts'
import { ORIGINAL, options, REWORDED } from './semantic-kit.ts'
import { ask, setup } from './support.ts'

type Body = OpenAI.ChatCompletionCreateParamsNonStreaming

test('a question in other words has the answer again, and says so', async () => {
  const { client, records, upstream } = await setup(options())
  const first = await client.chat.completions.create(ask(ORIGINAL))
  await client.gateway.flush()
  const { data, response } = await client.chat.completions.create(ask(REWORDED)).withResponse()
  await client.gateway.flush()
  expect(data.choices).toEqual(first.choices)
  expect(response.headers.get('x-gateway-cache')).toBe('semantic')
  expect(Number(response.headers.get('x-gateway-similarity'))).toBeGreaterThan(0.9)
  expect(records.map(({ cache, semantic }) => [cache, semantic?.outcome])).toEqual([
    ['miss', 'no-candidate'],
    ['semantic', 'hit'],
  ])
  expect(records[1]).toMatchObject({ costUsd: 0, savedUsd: records[0]?.costUsd })
  expect(upstream.requests).toHaveLength(1)
  expect(client.gateway.stats().semantic?.support).toMatchObject({ asked: 2, hitRate: 0.5 })
})

test('an answer found by meaning is streamed like any other', async () => {
  const { client } = await setup(options())
  const first = await client.chat.completions.create(ask(ORIGINAL))
  await client.gateway.flush()
  const stream = client.chat.completions.stream(ask(REWORDED))
  expect((await stream.finalChatCompletion()).choices[0]?.message.content).toBe(
    first.choices[0]?.message.content,
  )
})

test('the Responses API is asked by meaning, too, and echoes its own request', async () => {
  const { client, records } = await setup(options())
  const body = { model: 'gpt-4o-mini', instructions: 'You sell chairs.' }
  const first = await client.responses.create({ ...body, input: ORIGINAL, metadata: { n: '1' } })
  await client.gateway.flush()
  const again = await client.responses.create({ ...body, input: REWORDED, metadata: { n: '2' } })
  await client.gateway.flush()
  expect(records[1]?.cache).toBe('semantic')
  expect(again.output_text).toBe(first.output_text)
  expect(again.metadata).toEqual({ n: '2' })
})

test('in shadow nothing is served, and the record tells what would have been', async () => {
  const { client, records, upstream } = await setup(options({ mode: 'shadow' }))
  for (const question of [ORIGINAL, REWORDED]) {
    await client.chat.completions.create(ask(question))
    await client.gateway.flush()
  }
  expect(upstream.requests).toHaveLength(2)
  expect(records[1]).toMatchObject({ cache: 'miss', semantic: { outcome: 'shadow-hit' } })
  const stats = client.gateway.stats().semantic?.support
  expect(stats).toMatchObject({ hitRate: 0.5, savedUsd: records[1]?.costUsd })
})

test('a guard that sees a difference vetoes, and says which', async () => {
  const { client, records } = await setup(options())
  for (const question of [
    'Can I return shoes that I have worn?',
    'Can I return shoes that I have not worn?',
  ]) {
    await client.chat.completions.create(ask(question))
    await client.gateway.flush()
  }
  expect(records[1]).toMatchObject({ cache: 'miss', semantic: { outcome: 'veto' } })
  expect(records[1]?.semantic?.reason).toMatch(/negation/)
})

test.each([
  ['personal', 'Where is my order of wooden chairs?'],
  ['identifier', 'When will order 12345 arrive in Norway?'],
  ['time-bound', 'Do you ship chairs to Norway today?'],
  ['action', 'Ship the wooden chairs to Norway'],
])('%s questions are not asked by meaning', async (reason, question) => {
  const { client, records } = await setup(options())
  await client.chat.completions.create(ask(question))
  await client.gateway.flush()
  expect(records[0]?.semantic).toEqual({ outcome: 'ineligible', reason })
})

test('a caller can forbid it, for one call or by header', async () => {
  const { client, records } = await setup(options())
  await client.chat.completions.create(ask(ORIGINAL))
  await client.gateway.flush()
  await client.chat.completions.create(ask(REWORDED), gatewayOptions({ cache: { semantic: false } }))
  await client.chat.completions.create(ask('Do you ship chairs to Norway?'), {
    headers: { 'x-gateway-cache': 'exact-only' },
  })
  await client.gateway.flush()
  expect(records.map(({ cache, semantic }) => [cache, semantic?.outcome])).toEqual([
    ['miss', 'no-candidate'],
    ['miss', undefined],
    ['miss', undefined],
  ])
})

test('a call that wants no cached answer gets none, but leaves its own', async () => {
  const { client, records } = await setup(options())
  await client.chat.completions.create(ask(ORIGINAL), gatewayOptions({ cache: { noCache: true } }))
  await client.gateway.flush()
  await client.chat.completions.create(ask(REWORDED), gatewayOptions({ cache: { noCache: true } }))
  await client.gateway.flush()
  await client.chat.completions.create(ask('Do you ship wooden chairs to Norway please?'))
  await client.gateway.flush()
  expect(records.map(({ cache }) => cache)).toEqual(['bypass', 'bypass', 'semantic'])
})

test('answers that call tools, refuse, or were cut short are not given to others', async () => {
  for (const body of [
    { max_tokens: 1 },
    {
      tools: [{ type: 'function' as const, function: { name: 'ship', parameters: {} } }],
      tool_choice: 'required' as const,
    },
  ]) {
    const { client, records } = await setup(options())
    for (const question of [ORIGINAL, REWORDED]) {
      await client.chat.completions.create({ ...ask(question), ...body } as Body)
      await client.gateway.flush()
    }
    expect(records.map(({ cache }) => cache)).toEqual(['miss', 'miss'])
  }
})

const variations: Record<string, (body: Body) => Body> = {
  model: (body) => ({ ...body, model: 'gpt-4o' }),
  temperature: (body) => ({ ...body, temperature: 0.3 }),
  system: (body) => ({ ...body, messages: [{ role: 'system', content: 'Be brief.' }, ...body.messages] }),
  format: (body) => ({ ...body, response_format: { type: 'json_object' } }),
  tools: (body) => ({ ...body, tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] }),
  user: (body) => ({ ...body, user: 'u-1' }),
  seed: (body) => ({ ...body, seed: 7 }),
  stop: (body) => ({ ...body, stop: ['.'] }),
  unknown: (body) => ({ ...body, tomorrow: true }) as Body,
}
const callers: Record<string, Parameters<typeof gatewayOptions>[0]> = {
  agent: { agent: 'seo' },
  namespace: { cache: { namespace: 'n' } },
}

test('no change of anything but the wording is ever answered across', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(Object.keys(variations)),
      fc.subarray(Object.keys(callers)),
      fc.subarray(Object.keys(variations)),
      fc.subarray(Object.keys(callers)),
      async (one, first, other, second) => {
        const { client, records } = await setup(options())
        const send = async (question: string, changes: string[], who: string[]) => {
          const body = changes.reduce((body, name) => variations[name]?.(body) ?? body, ask(question) as Body)
          const merged = Object.assign({}, ...who.map((name) => callers[name]))
          await client.chat.completions.create(body, gatewayOptions(merged))
          await client.gateway.flush()
        }
        await send(ORIGINAL, one, first)
        await send(REWORDED, other, second)
        const same = String([one.toSorted(), first]) === String([other.toSorted(), second])
        if (!same) expect(records.at(-1)?.cache).toBe('miss')
      },
    ),
    { numRuns: runs(60) },
  )
})

test("teams never find each other's answers", async () => {
  const policy = {
    cache: { semantic: { mode: 'on' as const, threshold: 0.9, judge: false as const } },
    teams: { one: { agents: ['a'] }, two: { agents: ['b'] } },
  }
  const { client, records } = await setup(options({}, { policy }))
  await client.chat.completions.create(ask(ORIGINAL), gatewayOptions({ agent: 'a' }))
  await client.gateway.flush()
  await client.chat.completions.create(ask(REWORDED), gatewayOptions({ agent: 'b' }))
  await client.gateway.flush()
  expect(records.map(({ team, cache }) => [team, cache])).toEqual([
    ['one', 'miss'],
    ['two', 'miss'],
  ])
})
