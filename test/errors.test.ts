import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createGatewayClient, loadPolicy } from '@hotdash/llm-gateway'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, onTestFinished, test } from 'vitest'
import { STATUS } from '#src/core/refusal-codes.ts'
import { createGateway as createInEdgeRuntime } from '#src/gateway/edge-runtime.ts'
import { PackageUnusable } from '#src/util/load-package.ts'
import { llmGateway } from './command.ts'
import { ask } from './support.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((text) => {
      const [head = '', ...lines] = text.split(/\n(?=## )/)[0]?.split('\n') ?? []
      return [head.replaceAll('`', ''), lines.join('\n')]
    }),
)
const HOME = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { homepage: string }).homepage
const ADDRESS = `${HOME.replace(/#.*$/, '')}/blob/main/docs/errors.md`

/** Code of a package, without its tests. */
const sourceOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'))
    .join('\n')

const server = sourceOf('packages/ops/src/serve')
/** Errors of the server, by code: their status and whether a client may retry. */
const served = [...server.matchAll(/\{[^{}]*?status: (\d+),\s+code: '(\w+)'[^{}]*/g)].map(
  ([text, status = '', code = '']) => ({ status, code, isRetryable: text.includes('retryable: true') }),
)
/** Errors that are thrown: `code` of an Error. */
const thrown = [
  ...sourceOf('packages/gateway/src').matchAll(/(?:readonly|const) code = '(gateway_\w+)'/g),
].map(([, code = '']) => code)

test('the page has each code of a refusal, of the server and of an error that is thrown, and no other', () => {
  expect(new Set([...server.matchAll(/\bcode: '(\w+)'/g)].map(([, code]) => code))).toEqual(
    new Set(served.map(({ code }) => code)),
  )
  const all = new Set([...Object.keys(STATUS), ...served.map(({ code }) => code), ...thrown])
  expect([...sections.keys()].toSorted()).toEqual([...all].toSorted())
})

test('each section has its status, whether a retry helps, what happened and what to do', () => {
  for (const [code, text] of sections) {
    const [head = '', what = ''] = text.trim().split('\n\n')
    const status = STATUS[code as keyof typeof STATUS]
    if (status !== undefined) expect(head, code).toContain(`HTTP ${status}. Retry: `)
    else if (thrown.includes(code)) expect(head, code).toMatch(/^(Thrown|Written) .*\. Retry: /s)
    for (const own of served.filter((each) => each.code === code)) {
      expect(head, code).toContain(`HTTP ${own.status}. Retry: `)
      expect(/Retry: at once/.test(head), code).toBe(own.isRetryable)
    }
    expect(what.length, code).toBeGreaterThan(20)
    expect(text, code).toMatch(/^- \*\*Do:\*\* .{8,}/m)
  }
})

test('the message of a refusal leads to its section', async () => {
  const upstream = await startFakeOpenAI()
  onTestFinished(() => upstream.close())
  const policy = loadPolicy({ teams: { small: { agents: ['one'], models: ['gpt-4o-mini'] } } })
  const { baseURL } = upstream
  const client = createGatewayClient({ baseURL, apiKey: 'test', gateway: { agent: 'one', policy } })
  onTestFinished(async () => void (await client.gateway.close()))
  const refused = client.chat.completions.create({ ...ask('hello'), model: 'gpt-4o' })
  await expect(refused).rejects.toThrow(`More: ${ADDRESS}#gateway_model_not_allowed`)
})

test('so does that of a runtime or a package that cannot be used', () => {
  expect(createInEdgeRuntime).toThrow(`More: ${ADDRESS}#gateway_unsupported_runtime`)
  const { message } = new PackageUnusable('ioredis', 'install it', new Error('not found'))
  expect(message).toMatch(new RegExp(`: install it \\(.*\\)\\. More: ${ADDRESS}#gateway_package_unusable$`))
})

test('llm-gateway errors prints the section of a code, offline, and lists all', async () => {
  const one = await llmGateway(['errors', 'gateway_rpm_exceeded'], {})
  expect([one.code, one.err]).toEqual([0, ''])
  expect(one.out).toMatch(
    /^gateway_rpm_exceeded\n\nHTTP 429\. Retry: after `retry-after`\.\n\nThe team has used/,
  )
  expect(one.out).not.toMatch(/\]\(|gateway_tpm_exceeded/)
  const row = await llmGateway(['errors', 'gw_redis_full'], {})
  expect(row.out).toMatch(/^GW_REDIS_FULL\n\nLog message, level warn\.\n\nRedis is above .*\n\n- Do: .+\n$/s)
  const list = await llmGateway(['errors'], {})
  const all = JSON.parse((await llmGateway(['errors', '--json'], {})).out) as { code: string }[]
  expect(all).toHaveLength(list.out.trim().split('\n').length)
  const { out } = await llmGateway(['errors', 'gw_redis_full', '--json'], {})
  expect(all).toContainEqual(JSON.parse(out))
  for (const code of sections.keys())
    expect(list.out).toMatch(new RegExp(`^${code} +(HTTP \\d+|thrown) `, 'm'))
  const last = await llmGateway(['errors', 'request_timeout'], {})
  expect(last.out).toContain('without pauses')
  const wrong = await llmGateway(['errors', 'gateway_rpm_exeeded'], {})
  expect([wrong.code, wrong.err.split('\n')[0]]).toEqual([
    2,
    'There is no code "gateway_rpm_exeeded". Did you mean: llm-gateway errors gateway_rpm_exceeded',
  ])
})
