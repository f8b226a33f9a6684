import { type FakeOpenAI, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, beforeAll } from 'vitest'
import { behave } from './run.ts'
import { createWorld, type World } from './world.ts'

let upstream: FakeOpenAI
let world: World
beforeAll(async () => {
  upstream = await startFakeOpenAI({ tokens: 'approximate' })
  world = createWorld({ upstream })
})
afterAll(async () => {
  await world.end()
  await upstream.close()
})

/** The way through LiteLLM needs LiteLLM: `npm run test:litellm`. */
behave(['embedded', 'direct', 'served'], () => world)
