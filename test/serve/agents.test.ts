import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { surfaces } from '../conformance/surfaces.ts'
import { createCleanup, fake, type Served, serve, UPSTREAM_KEY } from './kit.ts'

const cleanup = createCleanup()
let upstream: FakeOpenAI
let open: Served
beforeAll(async () => {
  upstream = await fake(cleanup)
  open = await serve(cleanup, {
    upstream: upstream.baseURL,
    flags: ['--allow-anonymous'],
    policy: { cache: false },
  })
})
afterEach(() => upstream.reset())
afterAll(() => cleanup.run())

// What an agent does with it, and how that compares with the gateway inside it: test/behaviours.
test.each(surfaces)('what the SDK makes of $name is what it makes of upstream’s own', async ({ run }) => {
  const bare = new OpenAI({ baseURL: upstream.baseURL, apiKey: UPSTREAM_KEY })
  const expected = await run(bare)
  const seen = await run(new OpenAI({ baseURL: open.baseURL, apiKey: 'anything' }))
  expect(seen).toStrictEqual(expected)
})
