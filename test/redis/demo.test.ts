import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { TEST_TIMEOUT_MS } from '../runs.ts'
import { startRedis } from './server.ts'

const demo = fileURLToPath(new URL('../../examples/demo/main.ts', import.meta.url))
const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [demo, ...args], { timeout: TEST_TIMEOUT_MS }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  )

test('nine processes at one Redis share answers and keep their limits, and nothing stays for ever', async () => {
  const redis = await startRedis()
  try {
    const { code, stdout, stderr } = await run('--redis', redis.url, '--calls', '380')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/Across 9 processes: [1-9]\d* answers came out of Redis, [1-9]\d* of them/)
    // More than the team may have in a minute were asked for.
    const background = /prod_background +30 +(\d+) +(\d+)/.exec(stdout)
    expect(Number(background?.[1])).toBeLessThanOrEqual(30)
    expect(Number(background?.[2])).toBeGreaterThan(0)
    expect(stdout).toContain('All promises kept.')
    for (const key of await redis.admin.keys('*')) {
      expect(key).toMatch(/^gw:\{(demo-|resp_)/)
      expect(await redis.admin.pttl(key)).toBeGreaterThan(0)
    }
  } finally {
    await redis.close()
  }
})

test('a Redis that is not there is said before anything begins', async () => {
  const { code, stdout, stderr } = await run('--redis', 'redis://127.0.0.1:1')
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain('--redis: there is no Redis to be reached')
})
