import { createGateway, type GatewayOptions } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from './runs.ts'

// A program may use its objects for one request after the other. With `fetch`, each request is what they held when it was
// made; so it is here, however long the gateway waits before it is sent, and whatever it is kept under.

const GATEWAYS = {
  limits: { policy: { teams: { t: { agents: ['a'], rpm: 10_000 } } } },
  cache: { policy: {} },
  direct: { policy: { mode: 'direct' } },
} satisfies Record<string, GatewayOptions>

const PATHS = ['/chat/completions', '/moderations'] as const

const schedule = fc.record({
  gateway: fc.constantFrom<keyof typeof GATEWAYS>('limits', 'cache', 'direct'),
  path: fc.constantFrom(...PATHS),
  headers: fc.constantFrom('Headers', 'object', 'pairs'),
  body: fc.constantFrom('text', 'bytes', 'buffer'),
  isInitReused: fc.boolean(),
  tenants: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 2, maxLength: 4 }),
})

/** One letter of it is another for each request. */
const textOf = (letter: string, run: number) =>
  JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: `${letter} of ${run}` }] })

/** Headers and a body that are changed in place; `of` brings them into the state that belongs to a tenant. */
function objects(kind: { headers: string; body: string }, run: number) {
  const fixed = { 'content-type': 'application/json', authorization: 'Bearer k', 'x-tenant-id': '' }
  const headers = {
    Headers: () => new Headers(fixed),
    object: () => fixed as Record<string, string>,
    pairs: () => Object.entries(fixed) as [string, string][],
  }[kind.headers as 'Headers']() as Headers | Record<string, string> | [string, string][]
  const bytes = new TextEncoder().encode(textOf('?', run))
  const at = textOf('?', run).indexOf('?')
  return (tenant: string): RequestInit => {
    if (headers instanceof Headers) headers.set('x-tenant-id', tenant)
    else if (Array.isArray(headers)) headers[2] = ['x-tenant-id', tenant]
    else headers['x-tenant-id'] = tenant
    bytes[at] = tenant.charCodeAt(0)
    const body = { text: textOf(tenant, run), bytes, buffer: bytes.buffer }[kind.body as 'text']
    return { method: 'POST', headers, body }
  }
}

test('a request is what its objects held when it was made', async () => {
  const upstream = await startFakeOpenAI({
    tokens: 'approximate',
    answer: ({ headers, text }) => `${headers['x-tenant-id']} ${/"(.) of/.exec(text)?.[1]}`,
  })
  const open = Object.fromEntries(
    Object.entries(GATEWAYS).map(([name, options]) => [
      name,
      createGateway({ agent: 'a', redis: false, metrics: false, ...options }),
    ]),
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(schedule, async ({ gateway, path, isInitReused, tenants, ...kind }) => {
      run += 1
      const it = open[gateway] as (typeof open)[string]
      const of = objects(kind, run)
      const init: RequestInit = {}
      const ask = (tenant: string) => {
        const given = isInitReused ? Object.assign(init, of(tenant)) : of(tenant)
        return it.fetch(`${upstream.baseURL}${path}`, given)
      }
      upstream.requests.length = 0
      const asked = tenants.map(ask)
      Object.assign(init, of('z'))
      const answers = await Promise.all(asked.map(async (response) => (await response).text()))
      const sent = upstream.requests.map(
        ({ headers, text }) => `${headers['x-tenant-id']} ${/"(.) of/.exec(text)?.[1]}`,
      )
      // Those that are the same may share one.
      expect(new Set(sent)).toEqual(new Set(tenants.map((tenant) => `${tenant} ${tenant}`)))
      if (path !== '/chat/completions') return
      for (const [at, tenant] of tenants.entries()) expect(answers[at]).toContain(`"${tenant} ${tenant}"`)
      await it.flush()
      // Nor is it kept under another one's name.
      for (const tenant of tenants)
        expect(await (await ask(tenant)).text()).toContain(`"${tenant} ${tenant}"`)
    }),
    { numRuns: runs(100) },
  )
  for (const it of Object.values(open)) await it.close()
  await upstream.close()
})
