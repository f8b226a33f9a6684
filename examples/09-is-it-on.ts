/** Checks whether the gateway is active for an agent: for each step of a cutover or a rollback. */
import assert from 'node:assert/strict'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'

const upstream = await startFakeOpenAI()
const environment = { OPENAI_BASE_URL: upstream.baseURL, OPENAI_API_KEY: 'any', LLM_GATEWAY_AGENT: 'seo' }

/** Starts the same agent in another mode. */
async function start(mode: string) {
  Object.assign(process.env, environment, { LLM_GATEWAY_MODE: mode })
  const client = createGatewayClient()
  const question = {
    model: 'gpt-4o-mini',
    messages: [{ role: 'user' as const, content: 'A title for a page about pizza?' }],
  }
  const seen: (string | null)[] = []
  for (let time = 0; time < 2; time += 1) {
    const { response } = await client.chat.completions.create(question).withResponse()
    seen.push(response.headers.get('x-gateway-cache'))
    if (time === 1) seen.push(response.headers.get('x-gateway-team'))
  }
  assert.equal(client.gateway.stats().faults, 0)
  await client.gateway.close()
  console.log(mode.padEnd(10), ...seen.map((each) => String(each).padEnd(16)))
  return seen
}

assert.deepEqual(await start('direct'), [null, null, null])
assert.deepEqual(await start('embedded'), ['miss', 'exact', 'prod_background'])
assert.deepEqual(await start('direct'), [null, null, null])
assert.equal(upstream.count(), 5)
await upstream.close()
