import { request } from 'node:http'
import { type GatewayOptions, gatewayOptions, withGateway } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { allowLog } from './console.ts'
import { runs } from './runs.ts'
import { ask, type Setup, setup } from './support.ts'

type Client = Setup['client']

let answers = 0
/** Each answer of upstream is another one. */
const counting = {
  answer: () => {
    answers += 1
    return String(answers)
  },
}
const said = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.message.content

const apart: GatewayOptions = { policy: { cache: { sharedBetweenUsers: false } }, quota: false }

/** A call with names from all doors: that of the program, of headers, and of the body. */
type Named = {
  context: { user?: unknown; session?: unknown }
  options: { user?: unknown; session?: unknown }
  raw: string | undefined
  body: { user?: unknown; safety_identifier?: unknown }
  metadata: Record<string, string>
}

async function askAs(client: Client, { context, options, raw, body, metadata }: Named, content: string) {
  const { headers } = gatewayOptions(options as object)
  const request = { ...ask(content), ...body, ...(Object.keys(metadata).length > 0 && { metadata }) }
  const { data, response } = await withGateway(context as object, () =>
    client.chat.completions
      .create(request as OpenAI.ChatCompletionCreateParamsNonStreaming, {
        headers: { ...headers, ...(raw !== undefined && { 'x-gateway-user': raw }) },
      })
      .withResponse(),
  )
  await client.gateway.flush()
  return { id: said(data), cache: response.headers.get('x-gateway-cache') }
}

const OBJECT = { _id: 'bob' }
const LONG = 'b'.repeat(1_025)
const name = fc.constantFrom(undefined, undefined, 'ann', 'bob', '50%', ' ')
const unusable = fc.constantFrom<unknown>(OBJECT, 10n, LONG, Number.NaN, ['bob'], true)
const given = fc.oneof({ weight: 5, arbitrary: name }, { weight: 1, arbitrary: unusable })
const optional = (names: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(names).filter(([, value]) => value !== undefined))
const people = fc.record({ user: given, session: name }).map(optional)
const named: fc.Arbitrary<Named> = fc.record({
  context: people,
  options: people,
  raw: fc.constantFrom(undefined, undefined, undefined, 'ann', '50%25'),
  body: fc.record({ user: name, safety_identifier: name }).map(optional),
  metadata: fc
    .record({
      trace_user_id: fc.constantFrom(undefined, undefined, 'ann', 'bob'),
      user_id: fc.constantFrom(undefined, undefined, '1', '2'),
    })
    .map(optional) as fc.Arbitrary<Record<string, string>>,
})

/** All that names the user of a call, whichever door it came by; `undefined`: it shares nothing. */
function whose({ context, options, raw, body, metadata }: Named): string | undefined {
  const header = raw === undefined ? options.user : decodeURIComponent(raw)
  const users = [context.user, header, metadata.trace_user_id].filter((user) => user !== undefined)
  const sessions = [context.session, options.session].filter((session) => session !== undefined)
  if ([...users, ...sessions].some((one) => typeof one !== 'string' || one.length > 1_024)) return undefined
  const all = [...users, ...sessions, body.user, body.safety_identifier]
  if (!all.some((one) => typeof one === 'string' && one.trim() !== '')) return undefined
  const set = (names: unknown[]) => [...new Set(names)].sort()
  return JSON.stringify([
    set(users),
    set(sessions),
    body.user ?? '',
    body.safety_identifier ?? '',
    metadata.user_id ?? null,
  ])
}

test('where users are kept apart, two calls share only if all that names their user is the same', async () => {
  allowLog('GW_CONTROL_IGNORED')
  const { client } = await setup(apart, {}, counting)
  let run = 0
  await fc.assert(
    fc.asyncProperty(named, named, fc.boolean(), async (one, other, isSame) => {
      run += 1
      const second = isSame ? one : other
      const first = await askAs(client, one, `names ${run}`)
      const next = await askAs(client, second, `names ${run}`)
      const isShared = whose(one) !== undefined && whose(one) === whose(second)
      expect(next.id === first.id).toBe(isShared)
      if (whose(second) === undefined) expect(next.cache).toBe('bypass')
    }),
    { numRuns: runs(150) },
  )
})

/** What an inner context says of one field: nothing in one of three ways, a name, or something that cannot be read. */
const layer = fc.constantFrom<['left out' | 'given' | 'unreadable', unknown?]>(
  ['left out'],
  ['given', undefined],
  ['given', null],
  ['given', 'ann'],
  ['given', 'bob'],
  ['unreadable'],
)

test('an inner context that leaves a user or a session out keeps the outer one; one that cannot be read shares nothing', async () => {
  allowLog('GW_CONTROL_IGNORED')
  const { client } = await setup(apart, {}, counting)
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('user' as const, 'session' as const),
      fc.array(layer, { minLength: 1, maxLength: 3 }),
      async (field, layers) => {
        run += 1
        const question = `nested ${run}`
        const within = (left: typeof layers, work: () => Promise<unknown>): Promise<unknown> => {
          const [first, ...rest] = left
          if (first === undefined) return work()
          const [how, value] = first
          const context = how === 'given' ? { [field]: value } : {}
          if (how === 'unreadable')
            Object.defineProperty(context, field, {
              get: () => {
                throw new Error('unreadable')
              },
            })
          return withGateway(context as object, () => within(rest, work))
        }
        const call = async () => {
          const answer = await client.chat.completions.create(ask(question)).withResponse()
          await client.gateway.flush()
          return [said(answer.data), answer.response.headers.get('x-gateway-cache')]
        }
        const last = layers.findLast(([how, value]) => how === 'unreadable' || typeof value === 'string')
        const nested = await within(layers, call)
        const name = last?.[0] === 'given' ? last[1] : undefined
        const flat = await withGateway((name === undefined ? {} : { [field]: name }) as object, call)
        if (name === undefined) expect(nested).toMatchObject([expect.anything(), 'bypass'])
        else expect(flat).toEqual([(nested as unknown[])[0], 'exact'])
      },
    ),
    { numRuns: runs(60) },
  )
})

test('names that differ only in how a header encodes them, or in half a character, are two', async () => {
  allowLog('GW_CONTROL_IGNORED')
  const { client } = await setup(apart, {}, counting)
  const none = { context: {}, options: {}, body: {}, metadata: {}, raw: undefined }
  const raw = await askAs(client, { ...none, raw: '50%' }, 'x')
  expect((await askAs(client, { ...none, raw: '50%25' }, 'x')).id).not.toBe(raw.id)
  const half = await askAs(client, { ...none, options: { user: 'a\ud800' } }, 'y')
  expect((await askAs(client, { ...none, options: { user: 'a\ud801' } }, 'y')).id).not.toBe(half.id)
})

test.each([{ key: '' }, { key: 123 }, { key: {} }, { key: 'BAD\n' }])(
  'a malformed key is not ignored: %j is refused',
  async (wrong) => {
    const policy = { teams: { t: { agents: ['x'], keys: ['0'.repeat(64)] } } }
    const { client } = await setup({ policy, agent: 'x' })
    const refused = { status: 401, code: 'gateway_unknown_key' }
    await withGateway({ agent: 'x\nBAD' }, () => client.chat.completions.create(ask('warm')))
    await expect(
      client.chat.completions.create(ask('x'), gatewayOptions(wrong as object)),
    ).rejects.toMatchObject(refused)
  },
)

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
