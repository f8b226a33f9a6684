import { type GatewayOptions, gatewayOptions, withGateway } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { allowLog } from './console.ts'
import { runs } from './runs.ts'
import { ask, setup } from './support.ts'
import { type Client, counting, said } from './whose-kit.ts'

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
