import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startFakeLangfuse } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { startRedis } from './redis/server.ts'
import { TEST_TIMEOUT_MS } from './runs.ts'
import { startSupabase } from './supabase/server.ts'

const main = fileURLToPath(new URL('../examples/demo/main.ts', import.meta.url))

test('a day at Redis, Langfuse and Supabase is the same day in all three, though Langfuse is slow', async () => {
  const redis = await startRedis()
  const langfuse = await startFakeLangfuse({ version: '2.95.12' })
  langfuse.fault({ type: 'busy', msPerEvent: 15 })
  const supabase = await startSupabase()
  try {
    const args = [
      '--calls',
      '60',
      '--redis',
      redis.url,
      '--langfuse',
      langfuse.baseURL,
      '--supabase',
      supabase.url,
    ]
    const env = {
      ...process.env,
      LANGFUSE_PUBLIC_KEY: langfuse.publicKey,
      LANGFUSE_SECRET_KEY: langfuse.secretKey,
      SUPABASE_SECRET_KEY: supabase.keys.secret,
    }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, ...args], {
      env,
      timeout: TEST_TIMEOUT_MS,
    })
    expect(stdout).toContain('All promises kept.')
    // A process that is done first is not blamed for one that still delivers.
    expect(stderr).not.toContain('process ended')
    expect([...langfuse.stored.values()].filter((times) => times > 1)).toEqual([])
    const [usage] = await supabase.sql(
      "select count(*)::int as calls, sum(cost_usd)::text as usd from llm_usage where team like 'demo-%'",
    )
    const observations = [...langfuse.observations.values()]
    expect(observations).toHaveLength(Number(usage?.calls))
    expect(stdout).toMatch(new RegExp(`langfuse\\s+${usage?.calls} `))
    const traced = observations.reduce((sum, { costUsd }) => sum + Math.round((costUsd ?? 0) * 1e9), 0)
    expect(traced).toBe(Math.round(Number(usage?.usd) * 1e9))
    expect(langfuse.malformed).toEqual([])
    expect((await redis.admin.keys('gw:{demo-*')).length).toBeGreaterThan(0)
  } finally {
    await Promise.all([redis.close(), langfuse.close(), supabase.close()])
  }
})

test('a place without its key is a mistake, told before anything runs', async () => {
  const env = { ...process.env, LANGFUSE_PUBLIC_KEY: 'pk', LANGFUSE_SECRET_KEY: '' }
  const run = promisify(execFile)(process.execPath, [main, '--langfuse', 'http://127.0.0.1:1'], { env })
  await expect(run).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('LANGFUSE_SECRET_KEY') })
})
