import { gatewayOptions } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import type OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { runs } from '../runs.ts'
import { setup } from '../support.ts'
import { type RedisServer, startRedis } from './server.ts'

allowLogInFile('GW_REDIS_UNAVAILABLE')

/** To it, everything means the same: nothing but the partition stands between two questions. */
const blind = (id: string, dimensions = 64) => ({
  id,
  dimensions,
  embed: async (texts: readonly string[]) => texts.map(() => new Float32Array(dimensions).fill(1)),
})

/** All that may differ between two calls, with what it may be. */
const values = {
  agent: ['support', 'ai-customer', 'seo'],
  model: ['gpt-4o-mini', 'gpt-4o'],
  user: [undefined, 'u-1', 'u-2'],
  safety: [undefined, 's-1'],
  system: [undefined, 'Be brief.', 'Be brief. ', 'be brief.'],
  temperature: [undefined, 0, 0.3],
  seed: [undefined, 7, '7'],
  tool: [undefined, 'ship', 'send'],
  schema: [undefined, ['a', 'b'], ['b', 'a']],
  format: [undefined, { type: 'json_object' }],
  unknown: [undefined, true, 'true'],
  locale: [undefined, 'de', 'en'],
  namespace: [undefined, 'n'],
  organisation: [undefined, 'org-1'],
  account: [undefined, 'sk-another'],
  tenant: [undefined, 't-1', 't-2'],
  embedder: ['one', 'two', 'longer'],
  secret: ['shared by all processes', 'a secret of another program'],
} as const
type Scope = { [Name in keyof typeof values]: (typeof values)[Name][number] }
const names = Object.keys(values) as (keyof Scope)[]

const FIRST = 'Do you ship chairs to Norway?'

const embedders = { one: blind('one'), two: blind('two'), longer: blind('one', 96) }

let redis: RedisServer
let upstream: Awaited<ReturnType<typeof startFakeOpenAI>>
beforeAll(async () => {
  redis = await startRedis()
  // Each answer tells which question it was given to.
  upstream = await startFakeOpenAI({
    tokens: 'approximate',
    answer: ({ text }) => ({ text: JSON.stringify({ to: text }) }),
  })
})
afterAll(async () => {
  await redis?.close()
  await upstream?.close()
})

const clients = new Map<string, Awaited<ReturnType<typeof setup>>>()
async function clientOf({ embedder, secret }: Scope) {
  const name = `${embedder} ${secret}`
  const known = clients.get(name)
  if (known !== undefined) return known
  const made = await setup(
    {
      redis: redis.url,
      metrics: false,
      quota: false,
      deadlines: { redisMs: 2_000 },
      policy: {
        cache: { exact: false, semantic: { mode: 'on', threshold: 0.5, judge: false, guards: [] } },
        // A team each, but for two that share one.
        teams: { one: { agents: ['support', 'seo'] }, two: { agents: ['ai-customer'] } },
      },
      cache: { semantic: { embedder: embedders[embedder], secret } },
    },
    { baseURL: upstream.baseURL },
  )
  clients.set(name, made)
  return made
}

/** Asks with `run` in an unknown parameter, which keeps the runs of this test apart. */
async function asked(scope: Scope, question: string, run: number) {
  const { client } = await clientOf(scope)
  const parameters = {
    type: 'object',
    properties: Object.fromEntries((scope.schema ?? []).map((name) => [name, {}])),
  }
  const tools = [{ type: 'function', function: { name: scope.tool, parameters } }]
  const body = {
    model: scope.model,
    messages: [
      ...(scope.system === undefined ? [] : [{ role: 'system', content: scope.system }]),
      { role: 'user', content: question },
    ],
    run,
    user: scope.user,
    safety_identifier: scope.safety,
    temperature: scope.temperature,
    seed: scope.seed,
    response_format: scope.format,
    unknown: scope.unknown,
    ...(scope.tool === undefined ? {} : { tools }),
  }
  const { choices } = await client.chat.completions.create(
    body as unknown as OpenAI.ChatCompletionCreateParamsNonStreaming,
    {
      headers: {
        ...gatewayOptions({
          agent: scope.agent,
          ...(scope.namespace === undefined ? {} : { cache: { namespace: scope.namespace } }),
        }).headers,
        ...(scope.locale === undefined ? {} : { 'accept-language': scope.locale }),
        ...(scope.account === undefined ? {} : { authorization: `Bearer ${scope.account}` }),
        ...(scope.tenant === undefined ? {} : { 'x-tenant-id': scope.tenant }),
        // Another one each time, and no reason to tell questions apart.
        traceparent: crypto.randomUUID(),
        ...(scope.organisation === undefined ? {} : { 'openai-organization': scope.organisation }),
      },
    },
  )
  await client.gateway.flush()
  return choices[0]?.message.content ?? ''
}

const scope = fc.record(
  Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(values[name] as readonly unknown[]))])),
) as fc.Arbitrary<Scope>

/** What a call says, if it says it: of no tool, the order of its parameters does not matter. */
const said = ({ tool, schema, ...rest }: Scope) =>
  JSON.stringify({ ...rest, tool, schema: tool === undefined ? undefined : (schema ?? []) })

test('no change of tenant, account, agent, user, prompt, tool, parameter, locale, secret or embedder is ever answered across', async () => {
  let [run, same, different] = [0, 0, 0]
  await fc.assert(
    fc.asyncProperty(scope, fc.subarray(names, { maxLength: 2 }), scope, async (first, changed, other) => {
      run += 1
      const second = { ...first, ...Object.fromEntries(changed.map((name) => [name, other[name]])) } as Scope
      expect(await asked(first, FIRST, run)).toContain(FIRST)
      // The first of them has the partition loaded.
      const answers = [
        await asked(second, 'Which woods are the tables made of?', run),
        await asked(second, 'Are there lamps for gardens?', run),
      ]
      const isFound = answers.some((answer) => answer.includes(FIRST))
      if (said(first) === said(second)) same += 1
      else different += 1
      // It was there to be found: without a change, it answers everything.
      expect(isFound).toBe(said(first) === said(second))
    }),
    { numRuns: runs(150) },
  )
  expect(Math.min(same, different)).toBeGreaterThan(runs(150) / 15)
})
