import { type CallRecord, createGateway } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from './runs.ts'
import { ask, setup } from './support.ts'

const ANSWER = { object: 'chat.completion', choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } }

const pair = fc
  .tuple(fc.constantFrom('beta', 'BETA', 'api-version', 'x', ''), fc.webQueryParameters(), fc.boolean())
  .map(([name, value, isBare]) => (isBare ? name : `${name}=${value}`))
const query = fc.array(pair, { maxLength: 3 }).map((pairs) => pairs.join('&'))
const path = fc.constantFrom('/chat/completions', '/responses', '/embeddings', '/completions')

test('a governed path is governed whatever its query, which is sent as it is', async () => {
  const sent: string[] = []
  const records: CallRecord[] = []
  const gateway = createGateway({
    policy: { teams: { a: { agents: ['support'], models: ['gpt-4o-mini'] } } },
    agent: 'support',
    cache: false,
    onCall: (record) => void records.push(record),
    fetch: (async (url: string | URL | Request) => {
      sent.push(url instanceof Request ? url.url : url.toString())
      return Response.json(ANSWER)
    }) as typeof fetch,
  })
  await fc.assert(
    fc.asyncProperty(path, query, async (path, query) => {
      sent.length = 0
      const url = `https://upstream.test/v1${path}?${query}`
      // What `fetch` itself encodes, such as an apostrophe, is encoded.
      const asFetchMakesIt = new URL(url).href
      const post = (model: string) =>
        gateway.fetch(url, {
          method: 'POST',
          body: JSON.stringify({ ...ask('q'), input: 'q', prompt: 'q', model }),
        })
      const answer = await post('gpt-4o-mini')
      expect(answer.status).toBe(200)
      expect(answer.headers.get('x-gateway-cache')).not.toBeNull()
      expect(sent).toEqual([asFetchMakesIt])
      // Governed means bound: a model that the team may not name does not leave.
      expect((await post('o1-pro')).status).toBe(403)
      expect(sent).toEqual([asFetchMakesIt])
    }),
    { numRuns: runs(60) },
  )
  await gateway.close()
  expect(gateway.stats().passedThrough).toBe(0)
  expect(new Set(records.map(({ operation }) => operation))).not.toContain('other')
})

test('the beta Responses API is limited and recorded as any other call', async () => {
  const { client, upstream, records } = await setup({ cache: false })
  await client.post('/responses?beta=true', { body: { model: 'gpt-4o-mini', input: 'hello' } })
  await client.gateway.flush()
  expect(records).toMatchObject([{ operation: 'responses', status: 'ok', estimated: false }])
  expect(upstream.count()).toBe(1)
  expect(client.gateway.stats().passedThrough).toBe(0)
})
