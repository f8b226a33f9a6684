import { spawn } from 'node:child_process'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BIN, llmGateway } from '../command.ts'
import { until } from '../support.ts'
import { empty, env, insert, numbered, start, stop, supabase, usage } from './usage-kit.ts'

beforeAll(start)
beforeEach(empty)
afterAll(stop)

describe('tail', () => {
  test('prints the last calls, then each new one once, also one whose insertion began earlier', async () => {
    await insert(1, 30, 'now()')
    const child = spawn(process.execPath, [BIN, 'usage', 'tail', '--lines', '5', '--json'], {
      env: { PATH: process.env.PATH ?? '', ...env() },
    })
    let out = ''
    child.stdout.on('data', (chunk) => (out += String(chunk)))
    const seen = () =>
      out
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { request_id: string }).request_id)
    await until(() => seen().length === 5, 'the rows')
    expect(seen()).toEqual(numbered(26, 30))
    await insert(31, 33, 'now()')
    await until(() => seen().length >= 8, 'the rows')
    await insert(34, 34, "now() - interval '5 seconds'")
    await until(() => seen().length >= 9, 'the rows')
    await supabase.become('error')
    await insert(35, 35, 'now()')
    await supabase.become('none')
    await until(() => seen().length >= 10, 'the rows')
    expect(seen().slice(5)).toEqual(numbered(31, 35))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    child.kill('SIGINT')
    expect(await ended).toBe(0)
  })

  test('--no-follow ends; text of callers does not command the terminal', async () => {
    await insert(1, 2)
    await supabase.sql(`insert into llm_usage
      (request_id, at, agent, team, operation, path, model, route, cache, status, error)
      values ('x', now(), E'evil\\x1b[2J', 't', 'chat', '/', 'm', 'default', 'miss', 'failed', E'a\\x1b]0;title\\x07b')`)
    const { out, code } = await usage(['tail', '--no-follow', '--lines', '2'])
    expect(code).toBe(0)
    expect(out.trim().split('\n')).toHaveLength(2)
    expect(out).toContain('evil?[2J')
    expect(out).toContain('cost unknown')
    expect(out).not.toContain('\u001b')
  })
})

test('without the variables it names both', async () => {
  expect(await llmGateway(['usage', 'tail'], {})).toMatchObject({
    code: 2,
    err: expect.stringContaining('SUPABASE_URL and SUPABASE_SECRET_KEY must be set'),
  })
})
