import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type GatewayContext, gatewayOptions, withGateway } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { runs, SEED } from '../runs.ts'
import { ask, setup } from '../support.ts'
import { foreign } from './misbehaving.ts'

allowLogInFile('GW_CONTROL_IGNORED')

const script = fileURLToPath(new URL('../fixtures/odd-environment.mjs', import.meta.url))

test.each([
  'nothing odd',
  'prototype',
  'early timers',
  'late timers',
  'no setImmediate',
  'randomUUID',
  'prototype, early timers, no setImmediate, randomUUID',
])(
  'calls are answered, counted and delivered where the environment is another than Node: %s',
  async (what) => {
    const { stdout } = await promisify(execFile)(process.execPath, [script, what])
    expect(JSON.parse(stdout)).toEqual({
      said: ['hello', 'hello'],
      records: ['ok', 'ok'],
      delivered: 2,
      flushed: true,
      faults: 0,
      pending: 0,
    })
  },
)

const FIELDS = ['agent', 'session', 'user', 'trace', 'tags', 'cache', 'onLimit', 'key'] as const
const throwing = () => {
  throw new Error('not to be read')
}
const traps: ProxyHandler<object> = {
  get: throwing,
  has: throwing,
  ownKeys: throwing,
  getPrototypeOf: throwing,
}

/** Contexts whose fields are foreign values, or throw when they are read, or that throw whatever is asked of them. */
const contexts: fc.Arbitrary<() => unknown> = fc.oneof(
  foreign,
  fc.constantFrom<(() => unknown)[]>(
    () => new Proxy({}, traps),
    () => ({ tags: new Proxy([], traps) }),
    () => ({ cache: new Proxy({}, traps) }),
    () => new Proxy(() => undefined, traps),
  ),
  fc
    .record(Object.fromEntries(FIELDS.map((field) => [field, fc.oneof(foreign, fc.constant(throwing))])), {
      requiredKeys: [],
    })
    .map((fields) => () => {
      const context = {}
      for (const [field, get] of Object.entries(fields))
        Object.defineProperty(context, field, { get: get ?? throwing, enumerable: true })
      return context
    }),
)

test.each([
  ['a policy without limits', {}],
  ['one that binds', { teams: { t: { agents: ['support'], rpm: 10_000 } } }],
])('whatever a program gives as a context, its call goes on: %s', async (_, policy) => {
  await fc.assert(
    fc.asyncProperty(contexts, contexts, async (outer, inner) => {
      const { client, records } = await setup({
        redis: false,
        policy,
        cache: { exact: false, semantic: false },
      })
      const call = () => client.chat.completions.create(ask('x'), gatewayOptions(inner() as GatewayContext))
      const answer = await withGateway(outer() as GatewayContext, () =>
        withGateway(inner() as GatewayContext, () => call()),
      )
      expect(answer.choices).toHaveLength(1)
      await client.gateway.flush()
      expect(records).toHaveLength(1)
      expect(client.gateway.stats()).toMatchObject({ faults: 0, pending: 0 })
    }),
    { numRuns: runs(40), seed: SEED },
  )
})

test('a restriction of the cache that cannot be read restricts', async () => {
  const { client, upstream } = await setup({ redis: false })
  const context = Object.defineProperty({}, 'cache', { get: throwing, enumerable: true })
  for (let call = 0; call < 2; call += 1)
    await withGateway(context, () => client.chat.completions.create(ask('x')))
  expect(upstream.count()).toBe(2)
})

test('what is no name of a model reaches upstream as it was given', async () => {
  const bodies: unknown[] = []
  const fetch: typeof globalThis.fetch = async (_, init) => {
    bodies.push(JSON.parse(typeof init?.body === 'string' ? init.body : ''))
    return Response.json({ error: { message: 'no model' } }, { status: 400 })
  }
  const { client, bare } = await setup(
    { redis: false, policy: { routing: { default: 'gpt-4o-mini' } } },
    { fetch, maxRetries: 0 },
  )
  const odd = [5, {}, true, ['gpt-4o-mini'], '']
  const sentBy = async ({
    completions,
    chat,
    responses,
  }: Pick<OpenAI, 'completions' | 'chat' | 'responses'>) => {
    await completions.create({} as never).catch(() => undefined)
    for (const model of [...odd, null])
      await completions.create({ model, prompt: 'x' } as never).catch(() => undefined)
    for (const model of odd) {
      await chat.completions.create({ ...ask('x'), model } as never).catch(() => undefined)
      await responses.create({ input: 'x', model } as never).catch(() => undefined)
    }
    return bodies.splice(0)
  }
  const asked = await sentBy(bare)
  expect(await sentBy(client)).toEqual(asked)
})
