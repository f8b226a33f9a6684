import { withGateway } from '@hotdash/llm-gateway'
import { afterEach, expect, test, vi } from 'vitest'
import { ask } from '../support.ts'
import { traced, VERSIONS } from './kit.ts'

afterEach(() => void vi.restoreAllMocks())

const PERSON = 'ann@example.org'
const KEY = `sk-proj-${'abc123'.repeat(6)}`
const QUESTION = `I am ${PERSON}, my key is ${KEY}, order 17`

/** The bodies of everything that leaves for the server. */
function wiretap(baseUrl: string): string[] {
  const bodies: string[] = []
  const send = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
    if (String(input).startsWith(baseUrl)) bodies.push(String(init?.body ?? ''))
    return send(input, init)
  })
  return bodies
}

test.each(VERSIONS)('%s: what is captured is what the policy says for each agent', async (version) => {
  const policy = {
    teams: { t: { agents: ['open', 'masked', 'closed'] } },
    agents: { open: { capture: 'on' as const }, closed: { capture: 'off' as const } },
  }
  const { langfuse, client } = await traced(version, { policy })
  for (const agent of ['open', 'masked', 'closed'])
    await withGateway({ agent }, () => client.chat.completions.create(ask(QUESTION)))
  await client.gateway.flush()
  const asked = Object.fromEntries(
    [...langfuse.observations.values()].map(({ metadata, input, output }) => [
      metadata.agent,
      { input, answered: output !== undefined },
    ]),
  )
  expect(asked).toEqual({
    open: {
      input: [{ role: 'user', content: `I am ${PERSON}, my key is <key>, order 17` }],
      answered: true,
    },
    masked: { input: [{ role: 'user', content: 'I am <email>, my key is <key>, order 17' }], answered: true },
    closed: { input: undefined, answered: false },
  })
})

test.each(VERSIONS)('%s: no key and no person is in any byte that leaves', async (version) => {
  const { langfuse, client, upstream } = await traced(version, {
    mask: (text) => text.replaceAll('order 17', 'order …'),
  })
  const bodies = wiretap(langfuse.baseURL)
  const context = { user: PERSON, session: `of ${PERSON}`, tags: [PERSON, KEY], trace: PERSON }
  await withGateway(context, async () => {
    await client.chat.completions.create({
      ...ask(QUESTION),
      tools: [{ type: 'function', function: { name: 'find', description: `with ${KEY}` } }],
    })
    await client.responses.create({
      model: 'gpt-4o-mini',
      input: QUESTION,
      tools: [{ type: 'mcp', server_label: 's', server_url: 'https://mcp.example', authorization: KEY }],
    })
    upstream.fail({ type: 'status', status: 401, message: `Incorrect API key: ${KEY}` })
    await client.chat.completions.create(ask('refused')).catch(() => undefined)
  })
  await client.gateway.flush()
  const all = bodies.join('\n')
  expect(langfuse.observations.size).toBe(3)
  expect(all).toContain('order …')
  for (const secret of [PERSON, KEY, 'test-key', langfuse.publicKey, langfuse.secretKey, 'order 17'])
    expect(all).not.toContain(secret)
})

test.each(VERSIONS)('%s: a book of a question is cut, and arrives', async (version) => {
  const { langfuse, client, sink } = await traced(version, { quota: false })
  const chapters = Array.from({ length: 12 }, () => ({
    role: 'user' as const,
    content: 'chapter '.repeat(20_000),
  }))
  await client.chat.completions.create({ model: 'gpt-4o', messages: chapters })
  await client.gateway.flush()
  expect(sink()).toMatchObject({ delivered: 1, rejected: 0 })
  const [observation] = langfuse.observations.values()
  expect(String(observation?.input)).toMatch(/<cut; \d{7} characters of JSON in all>$/)
  expect(Math.max(...langfuse.requests.map(({ bytes }) => bytes))).toBeLessThan(1_000_000)
})
