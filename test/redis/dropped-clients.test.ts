import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { startRedis } from './server.ts'

const script = fileURLToPath(new URL('../fixtures/dropped-clients.mjs', import.meta.url))

test('60 clients of a process share their connections to Redis, and the last one that is let go of closes them', async () => {
  const redis = await startRedis()
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const child = spawn(process.execPath, ['--expose-gc', script, upstream.baseURL, redis.url, '60'])
  let out = ''
  child.stdout.on('data', (data) => {
    out += data
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  await upstream.close()
  await redis.close()
  expect([code, JSON.parse(out)]).toEqual([0, { during: 2, state: 'up', after: 0 }])
})
