import { request } from 'node:http'
import { expect, test } from 'vitest'
import { ask, setup } from './support.ts'
import { type Client, counting, said } from './whose-kit.ts'

/** A `fetch` that signs for one tenant, as clients of other clouds have it. */
const signing =
  (tenant: string): typeof fetch =>
  (input, init) => {
    const headers = new Headers(init?.headers)
    headers.set('x-signed-for', tenant)
    return fetch(input, { ...init, headers })
  }

test.each([false, true])(
  'a fetch of the program’s own is an account of its own; between accounts (%s) it is not',
  async (between) => {
    const policy = { cache: { sharedBetweenAccounts: between } }
    const { client } = await setup({ policy, quota: false }, { fetch: signing('a') }, counting)
    const other = client.withOptions({ fetch: signing('b') })
    const idOf = async (which: Client, content: string) =>
      said(await which.chat.completions.create(ask(content)))
    const [one, two] = await Promise.all([idOf(client, 'x'), idOf(other, 'x')])
    expect(one === two).toBe(between)
    await client.gateway.flush()
    expect((await idOf(other, 'x')) === one).toBe(between)
    // Calls through the same one share, whichever copy of the client they are of.
    expect(await idOf(client.withOptions({ maxRetries: 1 }), 'x')).toBe(one)
  },
)

const CREDENTIALS = [
  'authorization',
  'api-key',
  'x-api-key',
  'cookie',
  'ocp-apim-subscription-key',
  'x-goog-api-key',
  'cf-aig-authorization',
  'x-litellm-api-key',
  'x-amz-security-token',
  'x-portkey-api-key',
]

test.each(CREDENTIALS)(
  'who follows a call with other credentials in %s does not inherit its 401',
  async (header) => {
    const policy = { cache: { sharedBetweenAccounts: true } }
    const { client, upstream } = await setup({ policy, quota: false }, { maxRetries: 0 }, { latencyMs: 60 })
    upstream.fail({ type: 'status', status: 401 }, { times: 1 })
    const [bad, good] = await Promise.allSettled(
      ['bad', 'good'].map((value) =>
        client.chat.completions.create(ask('x'), {
          headers: { [header]: header === 'authorization' ? `Bearer ${value}` : value },
        }),
      ),
    )
    expect([bad?.status, good?.status]).toEqual(['rejected', 'fulfilled'])
  },
)

test('who follows a call of another account is told nothing of its exchange with upstream', async () => {
  const policy = { cache: { sharedBetweenAccounts: true } }
  const { client, upstream } = await setup({ policy, quota: false }, {}, { latencyMs: 60 })
  const told = await Promise.all(
    ['one', 'two', 'two'].map(async (key) => {
      const { response } = await client
        .withOptions({ apiKey: key })
        .chat.completions.create(ask('x'))
        .withResponse()
      return Object.fromEntries(response.headers)
    }),
  )
  expect(upstream.count()).toBe(1)
  const [leader = {}, ...followers] = told
  for (const headers of followers) {
    expect(headers['x-gateway-cache']).toBe('flight')
    expect(headers['x-request-id']).not.toBe(leader['x-request-id'])
    const names = Object.keys(headers).filter((each) => !each.startsWith('x-gateway-'))
    expect(
      names.filter((each) => !['content-type', 'openai-version', 'x-request-id'].includes(each)),
    ).toEqual([])
  }
})

test('whose key upstream has turned down gets nothing from the cache, until upstream takes it again', async () => {
  const { client, upstream } = await setup({ quota: false, policy: {} }, { maxRetries: 0 }, counting)
  const known = await client.chat.completions.create(ask('known'))
  await client.gateway.flush()
  upstream.fail({ type: 'status', status: 401 }, { times: 2 })
  await expect(client.chat.completions.create(ask('new'))).rejects.toMatchObject({ status: 401 })
  await expect(client.chat.completions.create(ask('known'))).rejects.toMatchObject({ status: 401 })
  const fresh = await client.chat.completions.create(ask('known'))
  expect(said(fresh)).not.toBe(said(known))
  await client.gateway.flush()
  expect(said(await client.chat.completions.create(ask('known')))).toBe(said(fresh))
})

test('another key of the same upstream goes on being answered', async () => {
  const { client, upstream } = await setup({ quota: false, policy: {} }, { maxRetries: 0 }, counting)
  const known = await client.chat.completions.create(ask('known'))
  await client.gateway.flush()
  upstream.fail({ type: 'status', status: 401 }, { times: 1 })
  await expect(
    client.withOptions({ apiKey: 'other' }).chat.completions.create(ask('known')),
  ).rejects.toMatchObject({ status: 401 })
  expect(said(await client.chat.completions.create(ask('known')))).toBe(said(known))
})

test.each([
  ['organization', 'some_code', true],
  ['project', 'another_code', true],
  ['organization', 'invalid_api_key', false],
  ['project', 'account_deactivated', false],
] as const)(
  'a 401 to a call of one %s with code %s leaves another one of the same key its answers: %s',
  async (kind, code, isAnswered) => {
    const { client, upstream } = await setup({ quota: false, policy: {} }, { maxRetries: 0 }, counting)
    const [one, other] = ['one', 'other'].map((name) => client.withOptions({ [kind]: name }))
    const put = (of: typeof one, content: string) => of?.chat.completions.create(ask(content))
    const known = await put(one, 'known')
    const others = await put(other, 'known')
    await client.gateway.flush()
    upstream.fail({ type: 'status', status: 401, code }, { times: 1 })
    await expect(put(one, 'new')).rejects.toMatchObject({ status: 401 })
    const before = upstream.count()
    const again = await put(other, 'known')
    expect(upstream.count() - before).toBe(isAnswered ? 0 : 1)
    if (isAnswered) expect(again && said(again)).toBe(others && said(others))
    // Upstream takes it again, or is asked until it does.
    const fresh = await put(one, 'known')
    expect(fresh && said(fresh)).not.toBe(known && said(known))
  },
)

test('a body with a member written twice is answered for itself, each time', async () => {
  const { client, upstream } = await setup({ quota: false, policy: {} })
  const inside = client as unknown as { fetch: typeof fetch }
  const text =
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"a"}],"messages":[{"role":"user","content":"q"}]}'
  for (const _ of [1, 2]) {
    const response = await inside.fetch(`${upstream.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
      body: text,
    })
    expect(response.headers.get('x-gateway-cache')).toBe('bypass')
    await response.text()
    await client.gateway.flush()
  }
  expect(upstream.count()).toBe(2)
})

/** A `fetch` that sends each header it is given, Host included, which Node's own leaves out. */
const literal: typeof fetch = (url, init) =>
  new Promise((resolve, reject) => {
    const headers = Object.fromEntries(new Headers(init?.headers))
    const sent = request(`${url as string}`, { method: 'POST', headers }, async (answer) => {
      const bytes = await answer.toArray()
      resolve(new Response(Buffer.concat(bytes), { headers: { 'content-type': 'application/json' } }))
    })
    sent.on('error', reject).end(init?.body)
  })

test('a server told by the Host header alone is another one, and its answers are its own', async () => {
  const { client } = await setup({ quota: false, policy: {} }, { fetch: literal }, counting)
  const from = async (host: string) => {
    const answer = said(await client.chat.completions.create(ask('who'), { headers: { host } }))
    await client.gateway.flush()
    return answer
  }
  const one = await from('one.example')
  expect(await from('other.example')).not.toBe(one)
  expect(await from('one.example')).toBe(one)
})
