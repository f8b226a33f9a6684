import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Policy } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { programEnv } from '../command.ts'
import { policyWith, redis, storeAt } from './kit.ts'

const bin = fileURLToPath(new URL('../../packages/ops/bin/llm-gateway.js', import.meta.url))
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

function withKey(key: string): Policy {
  const policy = policyWith(100)
  return {
    ...policy,
    teams: { ...policy.teams, prod_ceo: { ...policy.teams?.prod_ceo, keys: [sha256(key)] } },
  }
}

async function started(upstream: string, redisUrl: string): Promise<string> {
  const child = spawn(process.execPath, [bin, 'serve', '--port', '0', '--upstream', upstream], {
    env: programEnv({ OPENAI_API_KEY: 'sk-test', LLM_GATEWAY_REDIS_URL: redisUrl }),
  })
  closeLater(() => child.kill('SIGKILL'))
  return await new Promise<string>((resolve, reject) => {
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += chunk
      const found = /listening on (\S+),/.exec(said)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('close', () => reject(new Error(said)))
  })
}

test('a server accepts the keys of the live policy from its start on, and refuses keys that the policy drops', async () => {
  const [server, upstream] = await Promise.all([redis(), startFakeOpenAI({ tokens: 'approximate' })])
  closeLater(() => upstream.close())
  const store = storeAt(server)
  await store.push(withKey('sk-team-one'))
  const address = await started(upstream.baseURL, server.url)
  const status = async (key: string) =>
    (await fetch(`${address}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status
  expect([await status('sk-team-one'), await status('sk-team-two')]).toEqual([200, 401])
  await store.push(withKey('sk-team-two'))
  await expect.poll(() => status('sk-team-two')).toBe(200)
  expect(await status('sk-team-one')).toBe(401)
})

test('a server waits for a live policy whose Redis answers late', async () => {
  const [server, upstream] = await Promise.all([redis(), startFakeOpenAI({ tokens: 'approximate' })])
  closeLater(() => upstream.close())
  await storeAt(server).push(withKey('sk-team-late'))
  server.pause()
  const starting = started(upstream.baseURL, server.url)
  // Longer than the first attempt to read the policy takes.
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  server.resume()
  const { status } = await fetch(`${await starting}/v1/models`, {
    headers: { authorization: 'Bearer sk-team-late' },
  })
  expect(status).toBe(200)
})
