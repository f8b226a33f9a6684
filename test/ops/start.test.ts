import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { commands } from '../../packages/ops/src/commands.ts'
import { llmGateway } from '../command.ts'

/** Packages that take from 50 to 150 ms to load: a person would wait for them at each command. */
const LARGE = [
  'openai',
  'ioredis',
  '@supabase/supabase-js',
  'nodemailer',
  'langfuse',
  'bottleneck',
  'echarts',
]
const preload = fileURLToPath(new URL('../fixtures/without-packages.mjs', import.meta.url))
const env = { NODE_OPTIONS: `--import=${preload}`, WITHOUT: LARGE.join() }

// The overview loads the module of each command, for its summary.
test('no command loads a large package before it needs it', async () => {
  const { code, out, err } = await llmGateway(['--help'], env)
  expect([code, err]).toEqual([0, ''])
  for (const name of Object.keys(commands)) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'))
})

test('a mistake is told without one', async () => {
  const { code, err } = await llmGateway(['cache', 'stats'], { ...env, LLM_GATEWAY_REDIS_URL: '' })
  expect([code, err]).toEqual([2, expect.stringContaining('There is no Redis to ask')])
})

test('a command that needs one loads it', async () => {
  const { code, err } = await llmGateway(['cache', 'stats'], {
    ...env,
    LLM_GATEWAY_REDIS_URL: 'redis://127.0.0.1:1',
  })
  expect([code, err]).toEqual([1, expect.stringContaining('no ioredis here')])
})
