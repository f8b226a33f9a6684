import { createGateway, withGateway } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { heldOf, optionsFor, stand, traced, VERSIONS } from './kit.ts'

allowLogInFile('GW_CONTROL_IGNORED')

/** Texts with what databases, JSON and protobuf stumble over. */
const odd = fc
  .array(
    fc.constantFrom('a', 'ü', '🙂', '\0', '\ud83d', '\udc00', '\u2028', '"', '\\', '\\u0000', '\u001b', ' '),
    {
      maxLength: 8,
    },
  )
  .map((pieces) => pieces.join(''))

/** An upstream that says back, as its model, what it was asked for. */
const echo: typeof fetch = async (_, init) => {
  const { model, messages } = JSON.parse(String(init?.body)) as { model: string; messages: unknown }
  const message = { role: 'assistant', content: JSON.stringify(messages) }
  return new Response(
    JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model,
      choices: [{ index: 0, finish_reason: 'stop', message }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    }),
    { headers: { 'content-type': 'application/json' } },
  )
}

test.each(VERSIONS)('%s: whatever a call is named, and holds, it arrives', async (version) => {
  const langfuse = await stand(version)
  const records: Parameters<typeof heldOf>[1] = []
  const gateway = createGateway({
    agent: 'support',
    quota: false,
    policy: {},
    capture: 'on',
    cache: { semantic: false },
    fetch: echo,
    langfuse: optionsFor(langfuse),
    onCall: (record) => void records.push(record),
  })
  // A name with half of a character is no name: it ends before it gets here.
  const name = odd.map((text) => text.toWellFormed())
  const named = fc.record({ model: name, text: odd, key: odd, tag: name, session: name, user: name })
  await fc.assert(
    fc.asyncProperty(named, async ({ model, text, key, tag, session, user }) => {
      const messages = [{ role: 'user', content: text, [key]: text }]
      await withGateway({ tags: [tag], session, user, trace: `t${session}` }, () =>
        gateway
          .fetch('https://api.openai.com/v1/chat/completions', {
            method: 'POST',
            headers: { authorization: 'Bearer test-key', 'content-type': 'application/json' },
            body: JSON.stringify({ model: `m${model}`, messages }),
          })
          .then((response) => response.text()),
      )
      expect(await gateway.flush(20_000)).toBe(true)
      expect(heldOf(langfuse, records)).toBe(records.length)
      expect(langfuse.malformed).toEqual([])
    }),
    { numRuns: runs(15) },
  )
  await gateway.close()
})

test.each(VERSIONS)("%s: with fifty tags of the caller's, the gateway's own are there", async (version) => {
  const { langfuse, client } = await traced(version, { policy: {} })
  const tags = Array.from({ length: 50 }, (_, at) => `tag-${String(at).padStart(2, '0')}`)
  await withGateway({ tags }, () =>
    client.chat.completions.create({ ...ask('tagged'), model: 'nobody-knows-1' }),
  )
  await client.gateway.flush()
  const [trace] = langfuse.traces.values()
  expect(trace?.tags).toHaveLength(50)
  expect(trace?.tags).toEqual(expect.arrayContaining(['cache:miss', 'cost:unknown', ...tags.slice(0, 48)]))
})

test('4.16.0 repeats no attribute in the metadata', async () => {
  const { langfuse, client } = await traced('4.16.0')
  await client.chat.completions.create(ask('once'))
  await client.gateway.flush()
  const [observation] = langfuse.observations.values()
  expect(Object.keys(observation?.metadata ?? {}).filter((key) => key.startsWith('attributes.'))).toEqual([])
})

test.each(VERSIONS)('%s: a call of unknown cost is marked, others are not', async (version) => {
  const { langfuse, client } = await traced(version, { policy: {} })
  await client.chat.completions.create({ ...ask('who prices this?'), model: 'nobody-knows-1' })
  await client.chat.completions.create(ask('this is priced'))
  await client.gateway.flush()
  const marked = [...langfuse.traces.values()].filter(({ tags }) => tags.includes('cost:unknown'))
  const unknown = [...langfuse.observations.values()].filter(({ costUsd }) => costUsd === undefined)
  expect(unknown.map(({ traceId }) => traceId)).toEqual(marked.map(({ id }) => id))
  expect(unknown).toMatchObject([{ model: 'nobody-knows-1 (no price)', metadata: { costUsd: 'unknown' } }])
})
