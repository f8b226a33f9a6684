import type { CallRecord, Mode } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { chat, standIn, stream } from '../litellm/stand-in.ts'
import { ask } from '../support.ts'
import { agentAt, policyWith, redis, soon, storeAt } from './kit.ts'

const ROUNDS: Mode[] = ['litellm', 'direct', 'embedded', 'direct', 'litellm', 'embedded']

test('switched under load, from one way to another and back, no call fails and none is counted twice', async () => {
  const server = await redis()
  const store = storeAt(server)
  await store.push(policyWith(1_000_000))
  const { url, seen } = await standIn(({ body }) => ({
    body: body.stream === true ? stream('proxied') : chat('proxied'),
  }))
  const { client, upstream, records } = await agentAt(server, {
    litellm: { baseURL: url, apiKey: 'sk-team' },
  })
  const mode = () => client.gateway.stats().mode
  await soon(() => client.gateway.stats().policy.version > 0)

  let asked = 0
  let running = true
  const failures: unknown[] = []
  async function caller() {
    while (running) {
      asked += 1
      const question = ask(`question ${asked}`)
      try {
        if (asked % 2 === 0) {
          let text = ''
          for await (const chunk of await client.chat.completions.create({ ...question, stream: true }))
            text += chunk.choices[0]?.delta.content ?? ''
          if (text === '') throw new Error('an empty stream')
        } else await client.chat.completions.create(question)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  const callers = Array.from({ length: 8 }, caller)
  for (const next of ROUNDS) {
    const before = asked
    await store.switch((switches) => ({ ...switches, mode: next }))
    await soon(() => mode() === next)
    await soon(() => asked > before + 60)
  }
  running = false
  await Promise.all(callers)
  expect(await client.gateway.flush(20_000)).toBe(true)

  expect(failures).toEqual([])
  expect(records).toHaveLength(asked)
  expect(records.filter(({ status }) => status !== 'ok')).toEqual([])
  const by = (mode: CallRecord['mode']) => records.filter((record) => record.mode === mode)
  expect(seen).toHaveLength(by('litellm').length)
  expect(upstream.count()).toBe(asked - by('litellm').length)
  for (const mode of ['litellm', 'direct', undefined] as const) expect(by(mode).length).toBeGreaterThan(30)
  // Each call has been asked once, whichever way it went.
  const questions = [...upstream.requests.map(({ body }) => body), ...seen.map(({ body }) => body)]
  const texts = questions.map((body) => JSON.stringify((body as { messages: unknown }).messages))
  expect(new Set(texts).size).toBe(asked)
  // The team's books hold what went by way of them, and nothing else.
  const { quota } = client.gateway.stats()
  expect(quota).toMatchObject({ alone: 0, queued: 0 })
  expect((quota?.decided ?? 0) + (quota?.leased ?? 0)).toBe(by(undefined).length)
})

test('an agent that was started straight stays so, and asks Redis nothing', async () => {
  const server = await redis()
  const store = storeAt(server)
  await store.push(policyWith(5))
  await store.switch(() => ({ mode: 'litellm' }))
  const before = await server.admin.info('clients')
  const { client, upstream } = await agentAt(server, { mode: 'direct' })
  await client.chat.completions.create(ask('a'))
  expect(upstream.count()).toBe(1)
  expect(client.gateway.stats()).toMatchObject({ mode: 'direct', policy: { version: 0 } })
  const connected = (info: string) => /connected_clients:(\d+)/.exec(info)?.[1]
  expect(connected(await server.admin.info('clients'))).toBe(connected(before))
})
