import { readFileSync } from 'node:fs'
import { createGateway, createGatewayClient, GatewayOptionsError } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { LOG_LEVELS } from '#src/core/log-codes.ts'
import { createLog, deduplicated, rateLimited } from '#src/util/log.ts'
import { ask } from './support.ts'

afterEach(() => vi.restoreAllMocks())

const collect = () => {
  const lines: [level: string, line: unknown[]][] = []
  const logger = {
    warn: (...line: unknown[]) => void lines.push(['warn', line]),
    info: (...line: unknown[]) => void lines.push(['info', line]),
  }
  return { lines, logger }
}

/** A call of an agent without a team, which is logged. */
async function callWith(gateway: { logger?: Pick<Console, 'warn' | 'info'> | false }) {
  const upstream = await startFakeOpenAI()
  onTestFinished(() => upstream.close())
  const { baseURL } = upstream
  const client = createGatewayClient({ baseURL, apiKey: 'test', gateway: { agent: 'nameless', ...gateway } })
  const answer = await client.chat.completions.create(ask('hello'))
  await client.gateway.close()
  return { answer, client }
}

const NAMELESS = expect.stringMatching(/^\[llm-gateway\] GW_AGENT_WITHOUT_TEAM: .*nameless/)

test('a logger receives each message as one string with its code, and console receives none', async () => {
  const [warn, info] = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'info')]
  const { lines, logger } = collect()
  await callWith({ logger })
  expect(lines).toEqual([['warn', [NAMELESS]]])
  expect([...warn.mock.calls, ...info.mock.calls]).toEqual([])
})

test('without a logger messages go to the console of the moment', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  await callWith({})
  expect(warn.mock.calls).toEqual([[NAMELESS]])
})

test('false writes nothing', async () => {
  const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((level) => vi.spyOn(console, level))
  await callWith({ logger: false })
  expect(spies.flatMap(({ mock }) => mock.calls)).toEqual([])
})

test('a logger is called as a method, on the object that was given', async () => {
  class Private {
    #lines: string[] = []
    warn(line: string) {
      this.#lines.push(line)
    }
    info(line: string) {
      this.#lines.push(line)
    }
    get lines() {
      return this.#lines
    }
  }
  const logger = new Private()
  await callWith({ logger })
  expect(logger.lines).toEqual([NAMELESS])
})

const broken = () => {
  throw new Error('the disk is full')
}
const thenable = (then: PropertyDescriptor) => Object.defineProperty({}, 'then', then)
const HOSTILE: Record<string, () => unknown> = {
  'that throws': broken,
  'that rejects with nothing': () => Promise.reject(),
  'that rejects': async () => broken(),
  'that rejects later': () => new Promise((_, reject) => setImmediate(reject, new Error('the disk is full'))),
  'whose promise never settles': () => new Promise(() => undefined),
  'that returns an object that cannot be awaited': () => thenable({ get: broken }),
  'whose thenable throws': () => thenable({ value: broken }),
}

test.each(Object.entries(HOSTILE))('a logger %s harms no call', async (_, act) => {
  const unhandled: unknown[] = []
  const note = (error: unknown) => void unhandled.push(error)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  const { answer, client } = await callWith({ logger: { warn: act as () => void, info: act as () => void } })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(answer.choices).toHaveLength(1)
  expect(client.gateway.stats()).toMatchObject({ faults: 0, hookErrors: 0, calls: 1 })
  expect(unhandled).toEqual([])
})

test('a logger that loses its functions after construction harms no call', async () => {
  const logger: Partial<Pick<Console, 'warn' | 'info'>> = { ...collect().logger }
  const upstream = await startFakeOpenAI()
  onTestFinished(() => upstream.close())
  const client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'test',
    gateway: { agent: 'nameless', logger: logger as Console },
  })
  delete logger.warn
  await expect(client.chat.completions.create(ask('hello'))).resolves.toMatchObject({
    object: 'chat.completion',
  })
  await client.gateway.close()
})

test('a logger that makes a call of its own ends', async () => {
  const upstream = await startFakeOpenAI()
  onTestFinished(() => upstream.close())
  const made: Promise<unknown>[] = []
  const logger = { warn: again, info: again }
  const client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'test',
    gateway: { agent: 'nameless', logger },
  })
  function again() {
    made.push(client.chat.completions.create(ask('from the logger')))
  }
  await client.chat.completions.create(ask('hello'))
  await Promise.all(made)
  expect(made).toHaveLength(1)
  await client.gateway.close()
})

test.each([true, null, 'console', {}, { warn: () => undefined }, { warn: 'yes', info: 'yes' }])(
  '%j is no logger',
  (logger) => {
    expect(() => createGateway({ logger: logger as never })).toThrow(GatewayOptionsError)
    expect(() => createGateway({ logger: logger as never })).toThrow(/gateway\.logger/)
  },
)

test('a code has one level, and goes to the function of that name', () => {
  const { lines, logger } = collect()
  const log = createLog(logger)
  for (const code of Object.keys(LOG_LEVELS) as (keyof typeof LOG_LEVELS)[]) log(code, 'words')
  expect(lines).toEqual(
    Object.entries(LOG_LEVELS).map(([code, level]) => [level, [`[llm-gateway] ${code}: words`]]),
  )
})

test('a code and subject are logged once a minute; a message of any other kind once', () => {
  const { lines, logger } = collect()
  const now = vi.spyOn(performance, 'now').mockReturnValue(1_000)
  const limited = rateLimited(createLog(logger))
  const wrote = [
    limited('GW_SINK_DOWN', 'a', 'one'),
    limited('GW_SINK_DOWN', 'b', 'one'),
    limited('GW_SINK_DOWN', 'c', 'two'),
    limited('GW_SINK_ERROR', 'd', 'one'),
  ]
  now.mockReturnValue(61_000)
  expect([...wrote, limited('GW_SINK_DOWN', 'e', 'one')]).toEqual([true, false, true, true, true])
  const once = deduplicated(createLog(logger))
  for (const message of ['x', 'x', 'y']) once('GW_FAULT', message)
  expect(lines.map(([, [line]]) => String(line).split(': ')[1])).toEqual(['a', 'c', 'd', 'e', 'x', 'y'])
})

test('docs/logs.md lists each code with its level', () => {
  const page = readFileSync(new URL('../docs/logs.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `(GW_\w+)` \| (\w+) \| .{20,} \| .{8,} \|$/gm)].map(
    ([, code, level]) => [code, level],
  )
  expect(Object.fromEntries(rows)).toEqual(LOG_LEVELS)
})
