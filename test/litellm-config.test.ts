import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hotdashPolicy, type Policy } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { litellmConfig } from './litellm/support.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

type Asked = { path: string; key: string | undefined; body: Record<string, unknown> }

/** Stands in for a proxy with a database: knows the keys in `known`, and keeps what it is asked. */
async function keeper(known: string[]) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += chunk
    })
    request.on('end', () => {
      const body = JSON.parse(text) as Record<string, unknown>
      asked.push({ path: request.url ?? '', key: request.headers.authorization, body })
      const isUnknown = request.url === '/key/update' && !known.includes(String(body.key))
      response.writeHead(isUnknown ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ key: 'sk-made' }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function runScript(script: string, env: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-keys-'))
  closing.push(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'keys.sh'), script)
  const child = spawn('bash', [join(folder, 'keys.sh')], { env: { PATH: process.env.PATH ?? '', ...env } })
  return new Promise<{ code: number | null; out: string }>((resolve) => {
    let out = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += chunk))
    child.on('close', (code) => resolve({ code, out }))
  })
}

test('the script gives each team of the policy a key with its limits', async () => {
  const { asked, url } = await keeper(['sk-admins-own'])
  const script = litellmConfig(hotdashPolicy)['keys.sh'] ?? ''
  const { code, out } = await runScript(script, {
    LITELLM_BASE_URL: `${url}/v1`,
    LITELLM_MASTER_KEY: 'sk-master',
    LLM_GATEWAY_KEY_ADMIN: 'sk-admins-own',
    LLM_GATEWAY_KEY_PROD_CEO: 'sk-ceos-own',
  })
  expect([code, out]).toEqual([0, expect.stringContaining('sk-made')])
  expect(out).not.toMatch(/sk-master|sk-ceos|sk-admins/)
  expect(asked.every(({ key }) => key === 'Bearer sk-master')).toBe(true)
  expect(asked.map(({ path, body }) => [path, body.key_alias ?? body.key])).toEqual([
    ['/key/generate', 'prod_customer'],
    ['/key/update', 'sk-ceos-own'],
    ['/key/generate', 'prod_ceo'],
    ['/key/generate', 'prod_background'],
    ['/key/update', 'sk-admins-own'],
  ])
  expect(asked[0]?.body).toEqual({
    key_alias: 'prod_customer',
    models: ['gpt-4o-mini', 'gpt-4o', 'text-embedding-3-large'],
    rpm_limit: 100,
    tpm_limit: 200_000,
    max_budget: 50,
    budget_duration: '1d',
    metadata: { agents: ['ai-customer', 'support'] },
  })
})

test('the script stops where the proxy refuses', async () => {
  const { code } = await runScript(litellmConfig(hotdashPolicy)['keys.sh'] ?? '', {
    LITELLM_BASE_URL: 'http://127.0.0.1:9',
    LITELLM_MASTER_KEY: 'sk-master',
  })
  expect(code).not.toBe(0)
})

test('teams with names that mean something to a shell are only names', async () => {
  const { asked, url } = await keeper([])
  const name = `it's "a" $(team); \`rm\``
  const policy: Policy = {
    teams: { [name]: { rpm: 5, cache: false } },
    models: { m: {} },
    paidPassThrough: 'refuse',
  }
  await runScript(litellmConfig(policy)['keys.sh'] ?? '', {
    LITELLM_BASE_URL: url,
    LITELLM_MASTER_KEY: 'sk-m',
  })
  expect(asked[0]?.body).toMatchObject({
    rpm_limit: 5,
    allowed_routes: expect.arrayContaining(['/v1/chat/completions']),
    metadata: { cache: { 'no-cache': true, 'no-store': true } },
  })
})

test('whatever LiteLLM cannot express is said, if the policy asks for it', () => {
  const said = (policy: Policy, ...args: string[]) =>
    (litellmConfig(policy, ...args)['config.yaml'] ?? '').replaceAll(/\n#\s+/g, ' ')
  const plain = said({ teams: { t: {} }, cache: false })
  for (const word of ['rpm:', 'usdPerDay', 'strict', 'stale', 'onLimit', 'priority'])
    expect(plain).not.toContain(word)
  const full = said({
    teams: {
      t: { rpm: 1, tpm: 100, usdPerDay: 1, tpmMode: 'strict', onLimit: 'wait', onRedisUnavailable: 'reject' },
    },
    agents: { a: { priority: 1, capture: 'off' } },
    timezone: 'Europe/Berlin',
    paidPassThrough: 'refuse',
  })
  for (const word of [
    'rpm:',
    'tpm / 4',
    'strict',
    'onLimit',
    'Redis each worker',
    'priority',
    'capture',
    'stale',
  ])
    expect(full).toContain(word)
  expect(full).toContain('timezone: "Europe/Berlin"')
  expect(said({ teams: { t: { usdPerDay: 1 } } }, '--auth', 'file')).toContain('Dollars are not counted')
})

test('any policy becomes YAML that says the same', () => {
  const name = fc.string({ minLength: 1 }).filter((name) => name !== '__proto__')
  const price = fc.double({ min: 0, max: 1_000, noNaN: true })
  const model = fc.record({ input: price, output: price }, { requiredKeys: [] })
  const policies = fc.dictionary(name, model, { minKeys: 1, maxKeys: 4 })
  const all = fc.sample(policies, 12)
  for (const models of all) {
    const config = parse(litellmConfig({ models })['config.yaml'] ?? '') as {
      model_list: { model_name: string; litellm_params: Record<string, unknown> }[]
    }
    const prices = Object.fromEntries(
      config.model_list.map(({ model_name, litellm_params: { input_cost_per_token: input } }) => [
        model_name,
        input,
      ]),
    )
    for (const [name, { input }] of Object.entries(models)) {
      if (input === undefined) expect(prices[name]).toBeUndefined()
      else expect(prices[name]).toBeCloseTo(input / 1e6, 12)
    }
  }
})
