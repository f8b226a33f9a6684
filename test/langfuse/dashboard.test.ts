import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FakeLangfuse, LangfuseVersion } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { canProvision } from '../../packages/infra/langfuse/provision.ts'
import { stand } from './kit.ts'

const script = fileURLToPath(new URL('../../packages/infra/langfuse/dashboard.ts', import.meta.url))
async function setup(version: LangfuseVersion = '4.16.0') {
  const langfuse = await stand(version)
  const run = (...args: string[]) => command(langfuse, args)
  const titles = () => [...langfuse.widgets.values()].map(({ name }) => name)
  return { langfuse, run, titles }
}

/** The command in a process of its own, as people run it. */
function command({ baseURL, publicKey, secretKey }: FakeLangfuse, args: string[]) {
  const env = {
    ...process.env,
    LANGFUSE_BASE_URL: baseURL,
    LANGFUSE_PUBLIC_KEY: publicKey,
    LANGFUSE_SECRET_KEY: secretKey,
  }
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const child = execFile(process.execPath, [script, ...args], { env }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

const tilesOf = ({ dashboards }: FakeLangfuse) =>
  [...dashboards.values()].flatMap(
    ({ definition }) =>
      (definition as { widgets: { id: string; widgetId: string; x: number; width: number }[] }).widgets,
  )

test('the first run makes the dashboard and all its tiles, the second nothing', async () => {
  const { langfuse, run, titles } = await setup()
  const first = await run()
  expect([first.code, first.err]).toEqual([0, ''])
  expect([...langfuse.dashboards.values()].map(({ name }) => name)).toEqual(['LLM gateway'])
  for (const part of [
    'hit rate',
    'answers by cache',
    'cost by agent',
    'latency p99',
    'errors',
    'escalated calls',
  ])
    expect(titles()).toContain(`LLM gateway: ${part}`)
  expect(langfuse.malformed).toEqual([])
  const tiles = tilesOf(langfuse)
  expect(tiles.every(({ widgetId }) => langfuse.widgets.has(widgetId))).toBe(true)
  expect(tiles.every(({ x, width }) => x + width <= 12)).toBe(true)
  const before = JSON.stringify([...langfuse.widgets])
  const sent = langfuse.requests.length
  const second = await run()
  expect(second.out).toMatch(/0 steps taken/)
  expect(langfuse.requests.slice(sent).every(({ method }) => method === 'GET')).toBe(true)
  expect(JSON.stringify([...langfuse.widgets])).toBe(before)
})

test('no two tiles overlap', async () => {
  const { langfuse, run } = await setup()
  await run()
  const cells = tilesOf(langfuse).flatMap((tile) => {
    const { x, y, width, height } = tile as unknown as Record<'x' | 'y' | 'width' | 'height', number>
    return Array.from(
      { length: width * height },
      (_, at) => `${x + (at % width)},${y + Math.floor(at / width)}`,
    )
  })
  expect(new Set(cells).size).toBe(cells.length)
})

test('what was changed is put right, what was taken away comes back, what others made stays', async () => {
  const { langfuse, run, titles } = await setup()
  await run()
  const [changed] = langfuse.widgets.values()
  Object.assign(changed ?? {}, { filters: [] })
  const [last = { id: '' }] = tilesOf(langfuse).slice(-1)
  last.id = 'of-others'
  const { out } = await run()
  expect(out.match(/^(create|update|place) .*/gm)).toEqual([
    `update  ${changed?.name}`,
    expect.stringContaining('place  LLM gateway: failovers'),
  ])
  expect(tilesOf(langfuse).map(({ id }) => id)).toContain('of-others')
  expect(new Set(titles()).size).toBe(titles().length)
})

test('a run that broke off is carried on, and nothing is there twice', async () => {
  const { langfuse, run, titles } = await setup()
  langfuse.fault({ type: 'bad-gateway', path: '/api/public/unstable/dashboard-widgets', times: 1 })
  const broken = await run()
  expect([broken.code, broken.err]).toEqual([1, expect.stringContaining('502')])
  expect((await run()).code).toBe(0)
  expect(langfuse.dashboards.size).toBe(1)
  expect(new Set(titles()).size).toBe(tilesOf(langfuse).length)
})

test('a dry run says what it would do and does nothing', async () => {
  const { langfuse, run } = await setup()
  const { code, out } = await run('--dry-run')
  expect([code, langfuse.dashboards.size, langfuse.widgets.size]).toEqual([0, 0, 0])
  expect(out).toContain('would create  dashboard LLM gateway')
  expect(langfuse.requests.every(({ method }) => method === 'GET')).toBe(true)
})

test('2.95.12 has no such API: it says so, names the page, and ends with 2', async () => {
  const { langfuse, run } = await setup('2.95.12')
  const { code, out, err } = await run()
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain('2.95.12, which has no API for dashboards')
  expect(err).toContain('docs/langfuse-dashboard.md')
  expect(langfuse.requests.map(({ path }) => path)).toEqual(['/api/public/health'])
})

test.each([
  [['--secret-key', 'wrong-secret'], '401'],
  [['--base-url', 'http://127.0.0.1:9'], 'cannot reach http://127.0.0.1:9'],
  [['--base-url', 'http://me:wrong-secret@127.0.0.1'], 'must hold no name and password'],
  [['--bas-url', 'x'], "Unknown option '--bas-url'"],
])('%j ends with 1 and one line, without the keys', async (args, said) => {
  const { langfuse, run } = await setup()
  const { code, out, err } = await run(...args)
  expect([code, out]).toEqual([1, ''])
  expect(err).toContain(said)
  expect(err.trim().split('\n')).toHaveLength(1)
  expect(err).not.toMatch(new RegExp(`${langfuse.secretKey}|wrong-secret|Basic`))
})

test.each([
  ['2.95.12', false],
  ['3.21.0', false],
  ['3.215.9', false],
  ['3.216.0', true],
  ['4.16.0', true],
  ['10.0.0', true],
])('%s can be told to make a dashboard: %s', (version, can) => {
  expect(canProvision(version)).toBe(can)
})
