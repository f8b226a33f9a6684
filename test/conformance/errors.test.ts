import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { ask, setup } from '../support.ts'
import { counted, leavesNothingUnhandled, open, team, tried, ways } from './kit.ts'
import { errorOf, outcomeOf } from './outcome.ts'
import { surfaces } from './surfaces.ts'

describe('a refusal surfaces as the same refusal by upstream would', () => {
  const refusals = [
    ['a model not allowed', { models: ['none'] }, 403, 'gateway_model_not_allowed', 'PermissionDeniedError'],
    ['rpm exceeded', { rpm: 1 }, 429, 'gateway_rpm_exceeded', 'RateLimitError'],
  ] as const
  const cases = refusals.flatMap(([why, limits, status, code, type]) =>
    surfaces.map((surface) => ({ ...surface, why, limits, status, code, type })),
  )
  test.each(tried(cases, 4))('$why: $name', async ({ run, limits, status, code, type }) => {
    const { client, bare, upstream } = await setup(team(limits))
    if (status === 429) await client.chat.completions.create(ask('the only one'))
    upstream.reset()
    const fetches = counted(client)
    const error = errorOf(await outcomeOf(() => run(client)))
    expect([fetches(), upstream.count()]).toEqual([1, 0])
    expect([error.class, error.fields.status, error.fields.code]).toEqual([type, status, code])

    const message = (error.fields.error as { message: string }).message
    const { type: errorType } = error.fields as { type: string }
    const headers = { 'x-should-retry': 'false' }
    upstream.fail({ type: 'status', status, code, message, errorType, headers })
    const expected = errorOf(await outcomeOf(() => run(bare)))
    const { headers: _, ...mine } = error
    const { headers: __, ...theirs } = expected
    const param = mine.fields.param
    theirs.fields.param = param
    Object.assign(theirs.fields.error as object, { param })
    expect(mine).toStrictEqual(theirs)
  })

  test('errors are instances of the classes on OpenAI itself', async () => {
    const { client } = await setup(team({ rpm: 1 }))
    await client.chat.completions.create(ask('one'))
    const error = await client.chat.completions.create(ask('two')).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(client).toBeInstanceOf(OpenAI)
  })
})

describe('every error by status is the one the bare client throws, for the first caller and for its followers', () => {
  const statuses = [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529]
  const cases = statuses.flatMap((status) => ways.map(([name, run]) => ({ status, name, run })))
  test.each(tried(cases, 4))('$status, $name', async ({ status, run }) => {
    const { client, bare, upstream } = await setup(open, { maxRetries: 0 }, { latencyMs: 10 })
    const headers = { 'x-extra': 'yes', 'retry-after': '7', 'x-ratelimit-reset-requests': '8ms' }
    const fault = { type: 'status' as const, status, headers, code: 'some_code', message: 'Because.' }
    upstream.fail(fault)
    const expected = await run(bare)
    upstream.reset()
    upstream.fail(fault, { times: 9 })
    expect(await run(client)).toStrictEqual(expected)
    upstream.reset()
    upstream.fail(fault)
    const together = await Promise.all([run(client), run(client), run(client)])
    for (const outcome of together) expect(outcome).toStrictEqual(expected)
    expect(upstream.count()).toBe(1)
    expect(await run(client)).toStrictEqual(await run(bare))
  })
})

leavesNothingUnhandled()
