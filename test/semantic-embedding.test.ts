import { expect, test } from 'vitest'
import { embedder } from './semantic-embedder.ts'
import { ask, setup } from './support.ts'

const QUESTIONS = ['red', 'green', 'blue'].map((colour) => `Do you ship the ${colour} chairs to Norway?`)

test('an embedder that never answers, and heeds no signal, keeps no call, no flush and no end of the program waiting', async () => {
  const never = { ...embedder, embed: () => new Promise<never>(() => undefined) }
  const { client, records } = await setup({
    redis: false,
    policy: { cache: { exact: false, semantic: { mode: 'on', judge: false } } },
    cache: { semantic: { embedder: never, deadlineMs: 50 } },
  })
  for (const question of QUESTIONS) await client.chat.completions.create(ask(question))
  expect(await client.gateway.flush(30_000)).toBe(true)
  expect(records).toHaveLength(QUESTIONS.length)
  const began = performance.now()
  expect(await client.gateway.close(30_000)).toBe(true)
  expect(performance.now() - began).toBeLessThan(20_000)
})
