import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { ask, setup } from '../support.ts'
import { leavesNothingUnhandled, normal, open, tried, ways } from './kit.ts'
import { ODD } from './odd.ts'
import { outcomeOf, steady } from './outcome.ts'
import { serve } from './raw.ts'

/** The SDK's own words about a chunk that is no JSON. */
allowLogInFile(/^Could not parse message into JSON:/, /^From chunk:/)

describe('trouble on the way has the outcome it has for the bare client, and is never given again', () => {
  const faults = [
    { type: 'reset' },
    { type: 'reset', after: 'headers' },
    { type: 'cut', afterChunks: 3 },
    { type: 'end', afterChunks: 3 },
    { type: 'error-event', afterChunks: 3 },
    { type: 'malformed', afterChunks: 3 },
    { type: 'split', bytes: 7 },
    { type: 'content-type', value: 'text/plain' },
    { type: 'content-type', value: null },
  ] as const
  const cases = faults.flatMap((fault) =>
    ways.map(([name, run]) => ({ fault, what: JSON.stringify(fault), name, run })),
  )
  test.each(tried(cases, 4))('$what, $name', async ({ fault, run }) => {
    const { client, bare, upstream } = await setup(open, { maxRetries: 0 })
    upstream.fail(fault, { times: 3 })
    const expected = await run(bare)
    expect(await run(client)).toEqual(expected)
    upstream.reset()
    upstream.fail(fault, { times: 2 })
    const again = await run(client)
    if (upstream.count() === 1) expect(again).toEqual(expected)
    upstream.reset()
    const well = await run(bare)
    const then = await run(client)
    if (fault.type !== 'content-type') expect(normal(then)).toEqual(normal(well))
  })
})

describe('an upstream that is not quite OpenAI has the outcome it has for the bare client, twice and in company', () => {
  const cases = Object.entries(ODD).flatMap(([what, answer]) =>
    ways.filter(([name]) => /^chat|^embed/.test(name)).map(([name, run]) => ({ what, answer, name, run })),
  )
  test.each(tried(cases, 4))('$what, $name', async ({ answer, run }) => {
    const { baseURL } = await serve(answer)
    const options = { baseURL, apiKey: 'k', maxRetries: 0 }
    const bare = new OpenAI(options)
    const client = createGatewayClient({ ...options, gateway: { policy: {} } })
    const expected = await run(bare)
    expect(await run(client)).toStrictEqual(expected)
    expect(normal(await run(client))).toStrictEqual(normal(expected))
    const fresh = createGatewayClient({ ...options, gateway: { policy: {} } })
    const company = await Promise.all([run(fresh), run(fresh)])
    expect(company).toStrictEqual([expected, expected])
  })

  test.each(tried(Object.entries(ODD)))('the Response itself: %s', async (_, answer) => {
    const { baseURL } = await serve(answer)
    const options = { baseURL, apiKey: 'k', maxRetries: 0 }
    const show = (client: OpenAI) =>
      outcomeOf(async () => {
        const response = await client.chat.completions.create(ask('x')).asResponse()
        const { status, statusText, url, headers, redirected } = response
        const body = await outcomeOf(() => response.text())
        return { status, statusText, url, redirected, body, headers: steady(headers) }
      })
    const client = createGatewayClient({ ...options, gateway: { policy: {} } })
    expect(await show(client)).toStrictEqual(await show(new OpenAI(options)))
  })
})

leavesNothingUnhandled()
