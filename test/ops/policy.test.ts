import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGatewayClient, hotdashPolicy, loadPolicy, type Policy } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { expect, onTestFinished, test } from 'vitest'
import { llmGateway } from '../command.ts'
import { agentAt, policyWith, redis, storeAt } from '../live/kit.ts'
import { sampled } from '../runs.ts'
import { temporaryFile, temporaryFolder } from '../temporary.ts'

type Line = { what: string; value: string; why: string }
type Explained = { caller: { team: string }; outcome?: object; lines: Line[] }

const fileOf = (value: unknown) => temporaryFile('file.json', JSON.stringify(value))

async function explained(args: string[], env: Record<string, string> = {}, input = '') {
  const { code, out, err } = await llmGateway(['policy', 'explain', '--json', ...args], env, input)
  expect(err).toBe('')
  return { code, ...(JSON.parse(out) as Explained) }
}

const lineOf = ({ lines }: Explained, what: string) => lines.find((line) => line.what === what)

test('a policy that init writes has 20 lines at most, is valid, and its agent is in its team', async () => {
  const file = join(temporaryFolder(), 'policy.json')
  const made = await llmGateway(
    ['policy', 'init', file, '--team', 'shop', '--agent', 'one', '--agent', 'two'],
    {},
  )
  expect(made).toMatchObject({ code: 0, out: '' })
  const text = readFileSync(file, 'utf8')
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(20)
  expect(loadPolicy(file).teams?.shop?.agents).toEqual(['one', 'two'])
  expect(await llmGateway(['policy', 'validate', file], {})).toMatchObject({
    code: 0,
    out: 'Valid: 1 team, 2 agents, 2 models.\n',
  })
  const again = await llmGateway(['policy', 'init', file], {})
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('is there already') })
  expect(readFileSync(file, 'utf8')).toBe(text)
  expect((await explained(['--policy', file, '--agent', 'two'])).caller.team).toBe('shop')
})

test('the policy in the README is the one that init writes', async () => {
  const file = join(temporaryFolder(), 'policy.json')
  await llmGateway(['policy', 'init', file, '--team', 'shop', '--agent', 'assistant'], {})
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(`\`\`\`json\n${readFileSync(file, 'utf8')}\`\`\``)
})

test.each<[string, Policy | object, number, string[]]>([
  ['HotDash policy', hotdashPolicy, 0, []],
  ['an unknown field', { teams: { a: { rpmm: 1 } } }, 1, ['teams.a.rpmm']],
  [
    'an agent in two teams',
    { teams: { a: { agents: ['x'] }, b: { agents: ['x'] } } },
    1,
    ['teams.b.agents: agent "x" is in two teams'],
  ],
  [
    'a model without a price',
    { teams: { a: { agents: ['x'], usdPerDay: 1 } }, routing: { default: 'gpt-99' } },
    1,
    ['routing.default: the price of "gpt-99" is unknown'],
  ],
  ['an agent without a team', { agents: { lost: {} } }, 0, ['agents.lost: no team', 'There is no team']],
  ['a team without callers', { teams: { a: {} } }, 0, ['teams.a: it has no agent and no key']],
  [
    'a default that a team may not name',
    {
      teams: { a: { agents: ['x'], models: ['gpt-4o'] } },
      routing: { default: 'gpt-4o-mini', fallback: 'gpt-4o-mini' },
    },
    0,
    ['teams.a.models: routing.default', 'teams.a.models: routing.fallback'],
  ],
  [
    'a default that no model of the policy is, without teams',
    { models: { 'gpt-4o-mini': { input: 1, output: 1 } }, routing: { default: 'other' } },
    0,
    ['There is no team'],
  ],
  [
    'a misspelt default',
    {
      models: { 'gpt-4o-mini': { input: 1, output: 1 } },
      teams: { a: { agents: ['x'] } },
      routing: { default: 'gpt-4o-mni' },
    },
    1,
    ['routing.default: "gpt-4o-mni" is not in models. Did you mean: gpt-4o-mini'],
  ],
])('validate: %s', async (_, policy, code, texts) => {
  const ran = await llmGateway(['policy', 'validate', '-'], {}, JSON.stringify(policy))
  expect(ran.code).toBe(code)
  for (const text of texts) expect(`${ran.out}${ran.err}`).toContain(text)
  const { out } = await llmGateway(['policy', 'validate', '-', '--json'], {}, JSON.stringify(policy))
  expect(JSON.parse(out)).toMatchObject({ valid: code === 0 })
})

test('explain finds the model at the border of tokens at which the gateway changes it', async () => {
  const at = async (tokens: number) => {
    const found = await explained(['--agent', 'seo', '--input-tokens', `${tokens}`])
    return lineOf(found, 'model')
  }
  expect(await at(2_000)).toMatchObject({ value: 'gpt-4o-mini', why: expect.stringContaining('up to 2000') })
  expect(await at(2_001)).toMatchObject({ value: 'gpt-4o', why: expect.stringContaining('more than 2000') })
})

test('explain holds the tokens that it was asked about', async () => {
  const holds = async (tokens: number) => {
    const found = await explained(['--agent', 'seo', '--input-tokens', `${tokens}`])
    const [, held = ''] = /this call holds (\d+)/.exec(JSON.stringify(found.lines)) ?? []
    return Number(held)
  }
  const few = await holds(1_000)
  expect(few).toBeGreaterThanOrEqual(1_000)
  expect((await holds(40_000)) - few).toBeGreaterThan(38_900)
})

const QUESTIONS: object[] = [
  { messages: [{ role: 'user', content: 'Hi' }] },
  { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }], stream: true },
  { model: 'auto', messages: [{ role: 'user', content: 'word '.repeat(2_100) }] },
  { model: 'gpt-5', messages: [{ role: 'user', content: 'Hi' }] },
  { model: 'text-embedding-3-large', input: 'Hi' },
  { model: 'gpt-4o-mini', input: 'Hi' },
  { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 100_000_000 },
]
const ASKED = ['seo', 'ceo-insights', 'stranger'].flatMap((agent) =>
  QUESTIONS.map((body) => ({ agent, body })),
)

test('what explain says is what the gateway then does', async () => {
  const upstream = await startFakeOpenAI()
  onTestFinished(() => upstream.close())
  for (const { agent, body } of sampled(ASKED, 4)) {
    const client = createGatewayClient({
      baseURL: upstream.baseURL,
      apiKey: 'test',
      maxRetries: 0,
      gateway: { agent, redis: false, logger: false },
    })
    const path =
      'messages' in body
        ? '/chat/completions'
        : /embed/.test(JSON.stringify(body))
          ? '/embeddings'
          : '/responses'
    const done = await client
      .post(path, { body })
      .asResponse()
      .then(
        async (response) => {
          await response.text()
          return {
            team: response.headers.get('x-gateway-team'),
            model: response.headers.get('x-gateway-model'),
            route: response.headers.get('x-gateway-route'),
          }
        },
        (error: unknown) =>
          error instanceof OpenAI.APIError ? { refused: error.code } : { failed: String(error) },
      )
    await client.gateway.close()
    const { caller, outcome, code } = await explained([fileOf(body), '--agent', agent])
    const said = outcome as { refused?: { code: string }; model?: string; route?: string }
    expect(
      said.refused
        ? { refused: said.refused.code }
        : { team: caller.team, model: said.model, route: said.route },
    ).toEqual(done)
    expect(code).toBe(said.refused ? 1 : 0)
  }
})

test.each([{ teams: { shop: { agents: ['one'] } } }, { cache: false }, { timezone: 'UTC' }])(
  'a policy %j in the place of a request is told from one',
  async (policy) => {
    const file = fileOf(policy)
    expect(await llmGateway(['policy', 'explain', file, '--policy', file], {})).toMatchObject({
      code: 2,
      err: expect.stringMatching(/it is no request\. A policy is given with --policy\./),
    })
  },
)

test('a request may have members of the same name as a policy', async () => {
  const body = { model: 'gpt-4o-mini', models: ['other'], messages: [{ role: 'user', content: 'x' }] }
  expect((await explained([fileOf(body), '--agent', 'seo'])).code).toBe(0)
})

test('explain reads the live policy and its switches', async () => {
  const server = await redis()
  const env = { LLM_GATEWAY_REDIS_URL: server.url }
  const store = storeAt(server)
  await store.push(policyWith(7))
  const limit = async () =>
    (await explained(['--agent', 'support'], env)).lines.find(({ what }) => what === 'limit')?.value
  expect(await limit()).toBe('7 requests per minute')
  await store.switch(() => ({ teams: { prod_customer: { rpm: 3 } }, models: { 'gpt-4o-mini': 'gpt-4o' } }))
  expect(await limit()).toBe('3 requests per minute')
  const found = await explained(['--agent', 'support'], env)
  expect(lineOf(found, 'model')?.value).toBe('gpt-4o')
  await store.switch(() => ({ agents: { support: { disabled: true } } }))
  const off = await explained(['--agent', 'support'], env)
  expect(lineOf(off, 'result')?.value).toBe('refused: 403 gateway_agent_off')
  expect(lineOf(off, 'result')?.why).toContain('An operator has switched')
  await store.switch(() => ({ mode: 'direct' }))
  expect(lineOf(await explained(['--agent', 'support'], env), 'mode')?.value).toBe('direct')
})

test.each([
  [['explain', '--input-tokens', '3'], '--input-tokens must be a whole number from 8'],
  [['explain', 'x.json', '--input-tokens', '30'], 'leave out --input-tokens, or the file'],
  [['explain', '/nowhere'], '/nowhere cannot be read (ENOENT)'],
  [['validate'], 'Validate which?'],
])('%j is a usage error', async (args, message) => {
  const ran = await llmGateway(['policy', ...args], {})
  expect(ran).toMatchObject({ code: 2, out: '', err: expect.stringContaining(message) })
})

test('status lists the processes that follow the policy, with the version that each has', async () => {
  const server = await redis()
  const env = { LLM_GATEWAY_REDIS_URL: server.url }
  const store = storeAt(server)
  const { version } = await store.push(policyWith(7))
  const [one, other] = [await agentAt(server, { agent: 'seo' }), await agentAt(server)]
  for (const each of [one, other]) await expect.poll(() => each.stats()?.version).toBe(version)
  await expect.poll(async () => (await store.processes(100)).processes.length).toBe(2)
  const { code, out } = await llmGateway(['policy', 'status'], env)
  expect(code).toBe(0)
  expect(out).toMatch(/^PROCESS +GATEWAY +NODE +AGENT +POLICY +FROM +RUNNING\n/)
  expect(out.match(new RegExp(` ${version} +redis `, 'g'))).toHaveLength(2)
  expect(out).toContain('2 gateways, 2 at the version in Redis.')
  const { processes, asked } = JSON.parse((await llmGateway(['policy', 'status', '--json'], env)).out) as {
    processes: object[]
    asked: number
  }
  expect(asked).toBe(2)
  expect(processes[0]).toMatchObject({
    pid: process.pid,
    agent: 'seo',
    version,
    source: 'redis',
    node: process.versions.node,
  })
  // Whatever is said on the channel of answers, only answers are listed.
  await one.client.gateway.close()
  await expect.poll(async () => (await store.processes(100)).asked).toBe(1)
})

test('a gateway that may not publish counts as a listener that did not answer', async () => {
  const server = await redis()
  const store = storeAt(server)
  await server.admin.call('ACL', 'SETUSER', 'agent', 'on', '>secret', '~*', '&gw:*', '+@all', '-publish')
  const url = server.url.replace('redis://', 'redis://agent:secret@')
  const agent = await agentAt(server, { redis: url })
  await expect.poll(async () => (await store.processes(100)).asked).toBe(1)
  expect(agent.client.gateway.stats().faults).toBe(0)
  const { out } = await llmGateway(['policy', 'status'], { LLM_GATEWAY_REDIS_URL: server.url })
  expect(out).toContain('0 gateways, 0 at the version in Redis. 1 more listener did not answer')
})
