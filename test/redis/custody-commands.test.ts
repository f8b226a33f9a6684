import { beforeEach, expect, test } from 'vitest'
import { llmGateway } from '../command.ts'
import { hideOwnKey, house, MASTER, REAL, sha256 } from './custody-kit.ts'

beforeEach(hideOwnKey)

/** As an operator's shell would: secrets by variables, or line by line on standard input. */
const keys = (args: string[], env: Record<string, string>, input = '') =>
  llmGateway(['keys', ...args], env, input)

test('an operator makes, seals, checks, exchanges, lists and revokes keys at the command line', async () => {
  const { redis, upstream } = await house()
  const env = {
    LLM_GATEWAY_REDIS_URL: redis.url,
    LLM_GATEWAY_MASTER_KEY: MASTER,
    OPENAI_BASE_URL: upstream.baseURL,
  }
  const made = await keys(['new', '--json'], {})
  const { key, sha256: hash } = JSON.parse(made.out) as { key: string; sha256: string }
  expect(sha256(key)).toBe(hash)

  const sealed = await keys(
    ['seal', '--team', 'a', '--by', 'anna', '--json'],
    env,
    `wrong-at-first\n${key}\n`,
  )
  expect(sealed).toMatchObject({ code: 0, err: '' })
  const { id } = JSON.parse(sealed.out) as { id: string }
  const checked = await keys(['check', '--team', 'a', '--ask'], { ...env, LLM_GATEWAY_KEY: key })
  expect(checked).toMatchObject({ code: 1 })
  expect(checked.err).toContain('upstream answers 401')

  const rotated = await keys(['rotate', '--team', 'a'], { ...env, OPENAI_API_KEY: REAL })
  expect(rotated).toMatchObject({ code: 0, err: 'Team a: 1 copy exchanged.\n' })
  expect((await keys(['check', '--team', 'a', '--ask'], { ...env, LLM_GATEWAY_KEY: key })).code).toBe(0)
  expect((await keys(['list', '--team', 'a'], env)).out).toMatch(new RegExp(`^${id}  20.*Z  anna\n$`))
  expect((await keys(['revoke', id, '--team', 'a'], env)).code).toBe(0)
  expect((await keys(['revoke', id, '--team', 'a'], env)).code).toBe(1)
  expect((await keys(['check', '--team', 'a'], { ...env, LLM_GATEWAY_KEY: key })).code).toBe(1)
  const said = [made.err, sealed.out, sealed.err, checked.err, rotated.err].join()
  for (const secret of [key, REAL, MASTER, 'wrong-at-first']) expect(said).not.toContain(secret)
})

test.each([
  [['seal'], '--team TEAM is missing'],
  [['seal', '--team', 'a', 'sk-on-the-command-line'], 'Secrets are never arguments'],
  [['sael', '--team', 'a'], 'Did you mean: llm-gateway keys seal'],
  [['seal', '--team', 'a'], 'LLM_GATEWAY_MASTER_KEY'],
  [['revoke', '--team', 'a'], 'llm-gateway keys list --team a'],
  [['rotate', '--team', 'a', '--redis', ''], 'LLM_GATEWAY_REDIS_URL'],
])('keys %j is not understood, and says why', async (args, why) => {
  const { code, err } = await keys(
    args,
    args.includes('--redis') ? {} : { LLM_GATEWAY_REDIS_URL: 'redis://127.0.0.1:1' },
  )
  expect(code).toBe(2)
  expect(err).toContain(why)
})
