import { createServer } from 'node:http'
import { createGateway, createGatewayClient, type Policy } from '@hotdash/llm-gateway'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

/** Paths that upstream served. */
let served: string[] = []
let port = 0

const server = createServer((request, response) => {
  served.push(request.url ?? '')
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end('{"choices":[]}')
})
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '::', resolve))
  const address = server.address()
  port = typeof address === 'object' ? (address?.port ?? 0) : 0
})
afterAll(() => void server.close())
beforeEach(() => {
  served = []
})

/** A budget that no governed call fits. */
const policy: Policy = {
  defaultServiceTier: 'default',
  models: { 'gpt-4o-mini': { input: 1, cachedInput: 1, output: 50, maxOutput: 1_000 } },
  teams: { crew: { agents: ['a'], usdPerDay: 0.000_001 } },
}
const gateway = { agent: 'a', policy, cache: false as const, logger: false as const }
const body = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'q' }] }

test.each([
  'http://localhost:PORT/v1',
  'http://LOCALHOST:PORT/v1',
  'HTTP://localhost:PORT/v1',
  'http://localhost:0PORT/v1',
  ' http://localhost:PORT/v1',
  'http://localhost:PORT/v1\n',
  'http://localhost:PORT/x/../v1',
  'http://localhost:PORT\\v1',
  'http://localhost:PORT/my proxy/v1',
  'http://localhost:PORT/%761',
  'http://[0:0:0:0:0:0:0:1]:PORT/v1',
])('a client is governed however its base is written: %j', async (base) => {
  const baseURL = base.replace('PORT', `${port}`)
  const client = createGatewayClient({ baseURL, apiKey: 'k', maxRetries: 0, gateway })
  await expect(client.chat.completions.create(body)).rejects.toMatchObject({
    code: 'gateway_daily_usd_exceeded',
  })
  expect(served).toEqual([])
  await client.gateway.close()
})

test.each([
  'http://localhost:PORT/v1/chat/completions',
  'HTTP://LOCALHOST:PORT/v1/chat/completions',
  '  http://localhost:PORT/v1/chat/completions ',
  'http://localhost:PORT/v1/./chat/completions',
  'http://localhost:PORT/v1/x/../chat/completions',
  'http://localhost:PORT/v1/%2e/chat/completions',
  'http://localhost:PORT/v1/chat/%63ompletions',
  'http://localhost:PORT/v1/chat\\completions',
  'http://localhost:PORT/v1/chat/\tcompletions',
])('a request is governed however its address is written: %j', async (address) => {
  const url = address.replace('PORT', `${port}`)
  const own = createGateway({ ...gateway, agent: 'a' })
  const client = createGatewayClient({ baseURL: `http://localhost:${port}/v1`, apiKey: 'k', gateway })
  const init = { method: 'POST', headers: { authorization: 'Bearer k' }, body: JSON.stringify(body) }
  const answer = await own.fetch(url, init)
  expect(answer.status).toBe(429)
  const path = url.trim().replace(/^http:\/\/[^/]*\/v1/i, '')
  await expect(client.post(path, { body, maxRetries: 0 })).rejects.toMatchObject({ status: 429 })
  expect(served).toEqual([])
  await own.close()
  await client.gateway.close()
})
