import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { afterAll, beforeAll } from 'vitest'
import { behave } from './run.ts'
import { createWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  world = createWorld({ upstream })
})
afterAll(() => world.end())

/** The way through LiteLLM needs LiteLLM: `npm run test:litellm`. */
behave(['embedded', 'direct', 'served'], () => world)
