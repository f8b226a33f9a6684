import { expect, test } from 'vitest'
import type { Ran } from '../command.ts'
import { gateway } from './command-kit.ts'
import { LIVE, policyWith, redis, storeAt } from './kit.ts'

test('what is broken in Redis is shown as that, with the way back', async () => {
  const server = await redis()
  const store = storeAt(server)
  const { version } = await store.push(policyWith(5))
  await server.admin.set(LIVE, `${version + 1}\n{"\\u001b[2J":1}`)
  const shown = await gateway('policy show', server)
  expect(shown).toMatchObject({ code: 1, out: '' })
  expect(shown.err).toContain('processes ignore it')
  expect(shown.err).toContain(`To put it back: llm-gateway policy rollback ${version}`)
  expect(shown.err).not.toContain('\u001b')
  // A switch starts from the last that is whole: nothing that was in force is lost with it.
  expect((await gateway('switch cache off --yes', server)).code).toBe(0)
  expect((await store.read()).change).toMatchObject({ policy: policyWith(5), switches: { cache: 'off' } })
  await server.admin.del(LIVE)
  expect((await gateway('policy rollback --yes', server)).code).toBe(0)
  expect((await store.read()).change).toMatchObject({ policy: policyWith(5), switches: { cache: 'off' } })
})

const MISTAKES: [string, string][] = [
  ['policy', 'policy: which? init, validate, explain, status, show, diff, push, rollback, history, clear'],
  ['policy shwo', 'Did you mean: llm-gateway policy show'],
  ['policy push', 'Push which?'],
  ['policy push /nowhere --yes', '/nowhere cannot be read (ENOENT).'],
  ['policy rollback yesterday', '"yesterday" is not a version.'],
  ['policy show more', '"more" is a word too many.'],
  ['policy show --al', "Unknown option '--al'"],
  ['switch', 'Switch what? mode, cache, semantic, agent, limits, model, reset, show'],
  ['switch cahce off', 'Did you mean "cache"?'],
  ['switch mode', 'switch mode: to what? embedded, litellm, direct, reset'],
  ['switch mode litelm', 'Did you mean "litellm"?'],
  ['switch agent seo', 'switch agent seo: to what? off, on, reset'],
  ['switch limits prod_ceo', 'Say --rpm, --tpm or --usd'],
  ['switch limits prod_ceo --rpm 1.5', '--rpm must be a whole number above 0, not "1.5".'],
  ['switch limits prod_ceo --usd 0', '--usd must be a number of dollars above 0'],
  ['switch model gpt-4o', 'Which by which?'],
  ['switch model gpt-4o gpt-4o', 'cannot stand in for itself'],
  ['switch cache off --rpm 3', '--rpm is for "switch limits".'],
  ['switch cache off now', '"now" is a word too many.'],
  ['switch limits prod_coe --rpm 3 --yes', 'The policy has no team "prod_coe"; did you mean "prod_ceo"?'],
  ['switch agent soe off --yes', 'No team of the policy lists an agent "soe"; did you mean "seo"?'],
  ['switch mode direct --agent soe --yes', 'To switch it all the same: --force'],
  ['switch model gpt-4o gpt-4o-min --yes', 'The price of "gpt-4o-min" is unknown'],
  ['switch cache off', 'There is no terminal to ask at: say --yes'],
]

test('a mistake is one readable message that names it, exit code 2, and changes nothing', async () => {
  const server = await redis()
  const { version } = await storeAt(server).push(policyWith(1))
  const ran = await Promise.all(MISTAKES.map(([args]) => gateway(args, server)))
  for (const [at, [args, message]] of MISTAKES.entries()) {
    const { code, out, err } = ran[at] as Ran
    expect([args, code, out]).toEqual([args, 2, ''])
    expect(err).toContain(message)
    expect(err).not.toMatch(/^ +at /m)
  }
  expect(await gateway('policy show')).toMatchObject({
    code: 2,
    err: expect.stringContaining('LLM_GATEWAY_REDIS_URL'),
  })
  expect((await gateway('policy show --redis localhost')).code).toBe(2)
  expect((await storeAt(server).read()).version).toBe(version)
})

test('a Redis that is not there is a failure in one line, soon', async () => {
  const server = await redis()
  await server.kill()
  const { code, err } = await gateway('switch cache off --yes', server)
  expect(code).toBe(1)
  expect(err).toMatch(/^llm-gateway: Redis is down: .*\n$/)
})
