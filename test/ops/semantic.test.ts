import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallRecord, gatewayOptions } from '@hotdash/llm-gateway'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { BIN, llmGateway } from '../command.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { embedder } from '../semantic-embedder.ts'
import { ask, type Setup, setup } from '../support.ts'

const SECRET = 'shared by all processes'
const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
const REWORDED = 'Do you ship wooden chairs to Norway?'

const folder = mkdtempSync(join(tmpdir(), 'semantic-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
})

type World = Setup & {
  redis: RedisServer
  asking: (question: string) => Promise<CallRecord | undefined>
  semantic: (args: string[], input?: string, env?: Record<string, string>) => ReturnType<typeof llmGateway>
}

async function world(): Promise<World> {
  const redis = await startRedis()
  open.push(redis)
  const it = await setup({
    redis: redis.url,
    quota: false,
    metrics: { flushSeconds: 0.2 },
    deadlines: { redisMs: 2_000 },
    policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false } } },
    cache: { semantic: { embedder, secret: SECRET } },
  })
  open.push({ close: () => it.client.gateway.close() })
  const env = { LLM_GATEWAY_REDIS_URL: redis.url, LLM_GATEWAY_SEMANTIC_SECRET: SECRET }
  return {
    ...it,
    redis,
    async asking(question) {
      await it.client.chat.completions.create(ask(question), gatewayOptions({ agent: 'support' }))
      await it.client.gateway.flush()
      return it.records.at(-1)
    },
    semantic: (args, input = '', more = env) => llmGateway(['semantic', ...args], more, input),
  }
}

/** A hit on the reworded question; returns its record, whose entry is in both caches. */
async function hit(it: World): Promise<CallRecord> {
  await it.asking(ORIGINAL)
  const record = await it.asking(REWORDED)
  expect(record?.cache).toBe('semantic')
  return record as CallRecord
}

test('stats, list and inspect tell what there is, and no text', async () => {
  const it = await world()
  const record = await hit(it)
  const key = record.semantic?.entry ?? ''
  await it.client.gateway.semantic.pin(key)
  const stats = await it.semantic(['stats'], '', { LLM_GATEWAY_REDIS_URL: it.redis.url })
  expect(stats.code, stats.err).toBe(0)
  expect(stats.out).toMatch(/^default +1 +1 +1 +\d/m)
  expect(stats.out).toMatch(/^default +support +\d+ +1 +/m)
  const listed = await it.semantic(['list'])
  expect(listed.out).toContain(key)
  expect(listed.out).toContain('pinned')
  const inspected = await it.semantic(['inspect', key, '--json'])
  expect(JSON.parse(inspected.out)).toMatchObject({
    key,
    agent: 'support',
    pinned: true,
    questionChars: ORIGINAL.length,
  })
  for (const { out, err } of [stats, listed, inspected, await it.semantic(['inspect', key])]) {
    expect(out + err).not.toContain('Norway')
    expect(out + err).not.toContain(SECRET)
  }
  expect(await it.semantic(['inspect', key, '--reveal'])).toMatchObject({ code: 2, out: '' })
})

const HAS_SCRIPT = spawnSync('script', ['--version']).status === 0

test.skipIf(!HAS_SCRIPT)('question and answer are shown with --reveal at a terminal', async () => {
  const it = await world()
  const key = (await hit(it)).semantic?.entry ?? ''
  const atTerminal = (args: string) =>
    spawnSync('script', ['-qec', `"${process.execPath}" "${BIN}" semantic ${args}`, '/dev/null'], {
      encoding: 'utf8',
      input: '',
      env: {
        PATH: process.env.PATH ?? '',
        LLM_GATEWAY_REDIS_URL: it.redis.url,
        LLM_GATEWAY_SEMANTIC_SECRET: SECRET,
      },
    }).stdout
  expect(atTerminal(`inspect '${key}'`)).not.toContain('Norway')
  expect(atTerminal(`inspect '${key}' --reveal`)).toContain(ORIGINAL)
  expect(atTerminal('list --reveal')).toContain(ORIGINAL)
})

test('pin and remove act for every process', async () => {
  const it = await world()
  const key = (await hit(it)).semantic?.entry ?? ''
  expect((await it.semantic(['pin', key])).code).toBe(0)
  expect(await it.client.gateway.semantic.inspect(key)).toMatchObject({ pinned: true })
  expect((await it.semantic(['pin', key, '--off', '--json'])).out).toBe(
    `${JSON.stringify({ key, pinned: false })}\n`,
  )
  expect(await it.semantic(['remove', key])).toMatchObject({ code: 2 })
  expect(JSON.parse((await it.semantic(['remove', key, '--yes', '--json'])).out)).toEqual({ key, removed: 2 })
  expect(await it.asking(REWORDED)).toMatchObject({ cache: 'miss' })
  expect((await it.semantic(['remove', key, '--yes'])).code).toBe(1)
})

describe('a person says "wrong answer"', () => {
  test('it is unpinned, learned from, removed from both caches, and not served for that question again', async () => {
    const it = await world()
    const record = await hit(it)
    const key = record.semantic?.entry ?? ''
    await it.client.gateway.semantic.pin(key)
    const file = join(folder, 'call.json')
    writeFileSync(file, JSON.stringify(record))
    const args = [
      'label',
      '--wrong',
      '--yes',
      '--json',
      '--record',
      file,
      '--asked',
      '-',
      '--embedder',
      embedder.id,
    ]
    const done = await it.semantic(args, `${REWORDED}\n`)
    expect(done.err).toBe('')
    expect(JSON.parse(done.out)).toEqual({ key, right: false, learned: true, refuted: true, removed: 2 })
    expect(done.out).not.toContain('Norway')
    // Upstream gives the first question its answer again: it is served for that one, and not for the other.
    expect(await it.asking(ORIGINAL)).toMatchObject({ cache: 'miss' })
    expect(await it.asking(ORIGINAL)).toMatchObject({ cache: 'exact' })
    const again = await it.asking(REWORDED)
    expect(again).toMatchObject({ cache: 'miss', semantic: { outcome: 'veto', reason: 'refuted' } })
    const stats = JSON.parse((await it.semantic(['stats', '--json'])).out) as { teams: unknown[] }
    expect(stats.teams).toEqual([expect.objectContaining({ wrong: 1, right: 0, refutedQuestions: 1 })])
  })

  test('the thresholds of running agents rise: another question as near is not answered from the cache', async () => {
    const it = await world()
    const similarity = (await hit(it)).semantic?.similarity ?? 0
    const key = it.records.at(-1)?.semantic?.entry ?? ''
    const before = it.client.gateway.stats().semantic?.support?.threshold
    await it.client.gateway.semantic.label(key, { right: false, similarity })
    expect(it.client.gateway.stats().semantic?.support?.threshold).toBeGreaterThan(before ?? 1)
  })

  test('without a similarity the answer goes, and it says that nothing was learned', async () => {
    const it = await world()
    const key = (await hit(it)).semantic?.entry ?? ''
    const { code, err } = await it.semantic(['label', key, '--wrong', '--yes'])
    expect(code).toBe(0)
    expect(err).toContain('Removed: 2 copies')
    expect(err).toContain('learned nothing: --similarity')
    expect(await it.asking(REWORDED)).toMatchObject({ cache: 'miss' })
  })

  test('the answer of a call that began before is neither stored nor served', async () => {
    const it = await world()
    const key = (await hit(it)).semantic?.entry ?? ''
    it.upstream.fail({ type: 'latency', ms: 1_500 }, { times: 1 })
    const before = it.upstream.requests.length
    const early = it.client.chat.completions.create(
      ask('Are the tables of oak?'),
      gatewayOptions({ agent: 'support' }),
    )
    await expect.poll(() => it.upstream.requests.length).toBeGreaterThan(before)
    await it.client.gateway.semantic.label(key, { right: false })
    await early
    await it.client.gateway.flush()
    expect(await it.redis.admin.keys('gw:{default}:x:*')).toEqual([])
    expect(await it.client.gateway.semantic.list({})).toEqual([])
  })
})

test('"right" is learned from, and leaves the entry in place', async () => {
  const it = await world()
  const record = await hit(it)
  const key = record.semantic?.entry ?? ''
  const args = ['label', key, '--right', '--similarity', '0.95', '--embedder', embedder.id, '--json']
  expect(JSON.parse((await it.semantic(args)).out)).toEqual({
    key,
    right: true,
    learned: true,
    refuted: false,
    removed: 0,
  })
  expect(await it.asking(REWORDED)).toMatchObject({ cache: 'semantic' })
})

test.each([
  [['label', 'x'], 'Say one of --wrong and --right.'],
  [['label', '--wrong'], 'semantic label: which entry?'],
  [['label', 'gw:{t}:x:y', '--wrong'], 'is no key of an entry'],
  [['inspect'], 'semantic inspect: which entry?'],
  [['list', '--limit', '0'], '--limit must be a whole number from 1 to 10000'],
  [['label', KEY(), '--wrong', '--similarity', '93'], '--similarity must be a number from 0 to 1, not "93".'],
  [['label', KEY(), '--wrong', '--path', 'luck'], '--path must be nearest or consensus'],
  [['label', KEY(), '--wrong', '--similarity', '0.9', '--path', 'consensus'], '--confidence is missing'],
  [['label', '--wrong', '--record', '/nowhere'], '/nowhere cannot be read (ENOENT).'],
])('%j is a usage error that names the option', async (args, message) => {
  const env = { LLM_GATEWAY_REDIS_URL: 'redis://127.0.0.1:1', LLM_GATEWAY_SEMANTIC_SECRET: SECRET }
  expect(await llmGateway(['semantic', ...args], env)).toMatchObject({
    code: 2,
    err: expect.stringContaining(message),
  })
})

function KEY() {
  return `gw:{t}:s:${'a'.repeat(24)}:${'b'.repeat(20)}`
}

test('without a secret it says which variable holds it; with another one the entry is not found', async () => {
  const it = await world()
  const key = (await hit(it)).semantic?.entry ?? ''
  const { url } = it.redis
  expect(await it.semantic(['inspect', key], '', { LLM_GATEWAY_REDIS_URL: url })).toMatchObject({
    code: 2,
    err: expect.stringContaining('LLM_GATEWAY_SEMANTIC_SECRET is not set'),
  })
  const other = { LLM_GATEWAY_REDIS_URL: url, LLM_GATEWAY_SEMANTIC_SECRET: 'of another project, long' }
  expect(await it.semantic(['inspect', key], '', other)).toMatchObject({
    code: 1,
    err: expect.stringContaining('another secret'),
  })
  expect(await it.semantic(['label', key, '--wrong', '--yes'], '', other)).toMatchObject({ code: 1 })
  expect(await it.asking(REWORDED)).toMatchObject({ cache: expect.stringMatching(/semantic|exact/) })
})
