import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGatewayClient, type GatewayClient } from '@hotdash/llm-gateway'
import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BIN, llmGateway } from '../command.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { ask, until } from '../support.ts'

const folder = mkdtempSync(join(tmpdir(), 'cache-'))
const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
let redis: RedisServer
let upstream: FakeOpenAI
let client: GatewayClient
afterAll(async () => {
  for (const close of closers.toReversed()) await close()
})

beforeAll(async () => {
  redis = await startRedis()
  closers.push(() => redis.close())
  upstream = await startFakeOpenAI({ tokens: 'approximate' })
  closers.push(() => upstream.close())
  client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'sk-test-key-of-the-agents',
    gateway: {
      agent: 'support',
      redis: redis.url,
      cache: { semantic: false },
      metrics: { flushSeconds: 0.2 },
      deadlines: { redisMs: 5_000 },
    },
  })
  closers.push(() => client.gateway.close())
})
beforeEach(async () => {
  upstream.reset()
  await client.gateway.purge({})
})

const env = () => ({
  LLM_GATEWAY_REDIS_URL: redis.url,
  OPENAI_BASE_URL: upstream.baseURL,
  OPENAI_API_KEY: 'sk-test-key-of-the-agents',
  LLM_GATEWAY_AGENT: 'support',
})
const cache = (args: string[]) => llmGateway(['cache', ...args], env())
const PROMPT = 'What is the secret recipe of the house?'

async function fill(questions: string[]): Promise<void> {
  for (const question of questions) await client.chat.completions.create(ask(question))
  await client.gateway.flush()
}
const state = async (question: string) => {
  const { response } = await client.chat.completions.create(ask(question)).withResponse()
  await client.gateway.flush()
  return response.headers.get('x-gateway-cache')
}

describe('stats and list', () => {
  test('count answers by team, agent and model, and show no text', async () => {
    await fill([PROMPT, 'and another'])
    const { out, code } = await cache(['stats'])
    expect(code).toBe(0)
    expect(out).toMatch(/^prod_customer +support +gpt-4o-mini\S* +2 +\d/m)
    expect(out).toMatch(/^Last 24 hours: /m)
    const listed = await cache(['list', '--agent', 'support'])
    expect(listed.code).toBe(0)
    expect(listed.out.match(/^gw:\{prod_customer\}:x:/gm)).toHaveLength(2)
    const json = await cache(['list', '--json', '--limit', '1'])
    expect(json.out.trim().split('\n')).toHaveLength(1)
    expect(JSON.parse(json.out)).toMatchObject({
      team: 'prod_customer',
      agent: 'support',
      bytes: expect.any(Number),
    })
    expect(json.err).toContain('There are more than 1')
    for (const { out } of [listed, json, await cache(['stats', '--json'])]) {
      expect(out).not.toContain('recipe')
      expect(out).not.toContain('choices')
    }
  })

  test('select by agent, model and key; another selection finds nothing', async () => {
    await fill([PROMPT])
    const [key = ''] = /gw:\{prod_customer\}:x:\S+/.exec((await cache(['list'])).out) ?? []
    expect((await cache(['list', '--key', key])).out).toContain(key)
    for (const args of [
      ['--agent', 'seo'],
      ['--model', 'gpt-4o'],
      ['--team', 'prod_ceo'],
    ])
      expect(await cache(['list', ...args])).toMatchObject({ out: '', err: 'No answer matches.\n' })
  })

  test('--reveal is refused where standard output is a pipe', async () => {
    expect(await cache(['list', '--reveal'])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('only at a terminal'),
    })
  })

  test('a foreign value, a list and a damaged answer at such keys break neither', async () => {
    await fill([PROMPT])
    const of = (letter: string) => `gw:{prod_customer}:x:${letter.repeat(43)}`
    await redis.admin.rpush(of('a'), 'x')
    await redis.admin.set(of('b'), 'not an answer')
    await redis.admin.set(of('c'), Buffer.concat([Buffer.from('GX\x02\x00'), Buffer.alloc(60, 1)]))
    expect((await cache(['list', '--json'])).out.trim().split('\n')).toHaveLength(1)
    const { out, err, code } = await cache(['stats'])
    expect(code).toBe(0)
    expect(out).toMatch(/^prod_customer +support +\S+ +1 /m)
    expect(err).toContain('2 values are damaged')
    await redis.admin.del(of('a'), of('b'), of('c'))
  })
})

describe('purge', () => {
  test('deletes in Redis and in the memory of running processes; a call that began before it stores nothing', async () => {
    await fill([PROMPT])
    expect(await state(PROMPT)).toBe('exact')
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const slow = createGatewayClient({
      baseURL: upstream.baseURL,
      apiKey: 'sk-test-key-of-the-agents',
      fetch: async (url, init) => {
        const response = await fetch(url, init)
        await held
        return response
      },
      gateway: { agent: 'support', redis: redis.url, cache: { semantic: false } },
    })
    closers.push(() => slow.gateway.close())
    const before = upstream.requests.length
    const early = slow.chat.completions.create(ask('began before the purge'))
    await until(() => upstream.requests.length > before, 'the request')
    const { code, out } = await cache(['purge', '--team', 'prod_customer', '--yes', '--json'])
    expect({ code, deleted: (JSON.parse(out) as { deleted: number }).deleted }).toEqual({
      code: 0,
      deleted: 1,
    })
    release()
    await early
    await slow.gateway.flush()
    expect(await redis.admin.keys('gw:{prod_customer}:x:*')).toEqual([])
    await expect.poll(() => state(PROMPT)).toBe('miss')
    expect((await cache(['stats'])).out).toMatch(/Last purge: \d{4}-/)
  })

  test.each([
    [['purge'], 'Which answers? Say --team, --agent, --model or --key, or --all'],
    [['purge', '--all', '--team', 'x'], 'contradict each other'],
    [['purge', '--all'], 'There is no terminal to ask at: say --yes.'],
    [['list', '--limit', 'many'], '--limit must be a whole number from 1 to 100000, not "many".'],
    [['warm', 'x.jsonl', '--concurrency', '0'], '--concurrency must be a whole number from 1 to 64'],
    [['warm'], 'cache warm: which file?'],
    [['warm', '/nowhere/x.jsonl'], '/nowhere/x.jsonl cannot be read (ENOENT).'],
  ])('%j is a usage error, and deletes nothing', async (args, message) => {
    await fill([PROMPT])
    expect(await cache(args)).toMatchObject({ code: 2, err: expect.stringContaining(message) })
    expect(await redis.admin.keys('gw:{prod_customer}:x:*')).toHaveLength(1)
  })
})

describe('warm', () => {
  const write = (name: string, lines: unknown[]) => {
    const file = join(folder, name)
    writeFileSync(
      file,
      lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
    )
    return file
  }
  const line = (question: string) => ({
    custom_id: question,
    method: 'POST',
    url: '/v1/chat/completions',
    body: ask(question),
  })

  test('sends each request once through the real client: agents are answered from the cache afterwards', async () => {
    const file = write('once.jsonl', ['one', 'two', 'three', 'one'].map(line))
    const first = await cache(['warm', file, '--json', '--concurrency', '1'])
    expect(first.code, first.err).toBe(0)
    expect(JSON.parse(first.out)).toMatchObject({ miss: 3, hit: 1, failed: 0, stopped: false })
    expect(existsSync(`${file}.progress.json`)).toBe(false)
    expect(await state('two')).toBe('exact')
    expect(JSON.parse((await cache(['warm', file, '--json'])).out)).toMatchObject({ miss: 0, hit: 4 })
  })

  test('names each bad line with its field, sends the others, and tries the failed ones again', async () => {
    const file = write('bad.jsonl', [
      line('good'),
      '{"body": ',
      { body: 3 },
      { url: '/v1/files', body: {} },
      '',
      line('also good'),
    ])
    const { code, out, err } = await cache(['warm', file, '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ miss: 2, failed: 3 })
    for (const message of [
      'line 2: it is not JSON',
      'line 3: body is missing',
      'line 4: url must be one of /v1/chat/completions',
    ])
      expect(err).toContain(message)
    expect(JSON.parse((await cache(['warm', file, '--json'])).out)).toMatchObject({
      before: 2,
      miss: 0,
      hit: 0,
      failed: 3,
    })
  })

  test('stops at Ctrl-C after the requests under way, and goes on from there; no more than --concurrency at a time', async () => {
    const file = write(
      'long.jsonl',
      Array.from({ length: 40 }, (_, at) => line(`question ${at}`)),
    )
    upstream.fail({ type: 'latency', ms: 100 }, { times: 40 })
    const child = spawn(process.execPath, [BIN, 'cache', 'warm', file, '--concurrency', '3', '--json'], {
      env: { PATH: process.env.PATH ?? '', ...env() },
    })
    let out = ''
    child.stdout.on('data', (chunk) => (out += String(chunk)))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    // Vectors for the semantic cache are asked for besides.
    const asked = () => upstream.requests.filter(({ path }) => path.endsWith('/chat/completions')).length
    const before = asked()
    await until(() => asked() >= before + 6, 'six requests')
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    const stopped = JSON.parse(out) as { miss: number; stopped: boolean }
    expect(stopped.stopped).toBe(true)
    expect(stopped.miss).toBeGreaterThanOrEqual(6)
    expect(stopped.miss).toBeLessThan(40)
    expect(asked() - before).toBe(stopped.miss)
    const saved = JSON.parse(readFileSync(`${file}.progress.json`, 'utf8')) as { done: [number, number][] }
    expect(saved.done.reduce((sum, [from, to]) => sum + to - from + 1, 0)).toBe(stopped.miss)
    const rest = await cache(['warm', file, '--json', '--concurrency', '8'])
    expect(JSON.parse(rest.out)).toMatchObject({
      before: stopped.miss,
      miss: 40 - stopped.miss,
      stopped: false,
    })
    expect(asked() - before).toBe(40)
  })

  test('a file that has changed since is not taken for the old one', async () => {
    const file = write('changed.jsonl', [line('a'), '{'])
    await cache(['warm', file])
    writeFileSync(file, JSON.stringify(line('b')))
    expect(await cache(['warm', file])).toMatchObject({
      code: 2,
      err: expect.stringContaining('Say --restart.'),
    })
    expect((await cache(['warm', file, '--restart'])).code).toBe(0)
  })
})
