import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { programEnv } from '../command.ts'
import { closeLater, policyWith, redis, storeAt } from './kit.ts'

const bin = fileURLToPath(new URL('../../packages/ops/bin/llm-gateway.js', import.meta.url))
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * Starts a server and returns its address. One that could not read the live policy in its first second ends, as the machine was
 * busy, and is started again, as a supervisor would.
 */
async function started(upstream: string, redisUrl: string): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const child = spawn(process.execPath, [bin, 'serve', '--port', '0', '--upstream', upstream], {
      env: programEnv({ OPENAI_API_KEY: 'sk-test', LLM_GATEWAY_REDIS_URL: redisUrl }),
    })
    closeLater(() => child.kill('SIGKILL'))
    let said = ''
    const address = await new Promise<string | undefined>((resolve) => {
      child.stderr.on('data', (chunk) => {
        said += chunk
        const found = /listening on (\S+),/.exec(said)?.[1]
        if (found !== undefined) resolve(found)
      })
      child.once('close', () => resolve(undefined))
    })
    if (address !== undefined) return address
    if (tries === 5 || !said.includes('The policy lists no team key')) throw new Error(said)
  }
}

test('a server accepts the keys of the live policy from its start on, and refuses keys that the policy drops', async () => {
  const [server, upstream] = await Promise.all([redis(), startFakeOpenAI({ tokens: 'approximate' })])
  closeLater(() => upstream.close())
  const store = storeAt(server)
  const withKey = (key: string) => {
    const policy = policyWith(100)
    return {
      ...policy,
      teams: { ...policy.teams, prod_ceo: { ...policy.teams?.prod_ceo, keys: [sha256(key)] } },
    }
  }
  await store.push(withKey('sk-team-one'))
  const address = await started(upstream.baseURL, server.url)
  const status = async (key: string) =>
    (await fetch(`${address}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status
  expect([await status('sk-team-one'), await status('sk-team-two')]).toEqual([200, 401])
  await store.push(withKey('sk-team-two'))
  await expect.poll(() => status('sk-team-two')).toBe(200)
  expect(await status('sk-team-one')).toBe(401)
})
