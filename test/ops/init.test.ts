import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { checkFiles } from '../../packages/infra/check/all.ts'
import { readTemplate } from '../../packages/ops/src/core/templates.ts'
import { llmGateway } from '../command.ts'

const folders: string[] = []
let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'init-'))
  folders.push(dir)
})
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

const NAMES = ['--supabase-ref', 'qwertyuiopasdfghjklz', '--admin-email', 'ops@shop.example']
const init = (args: string[] = [], names = NAMES) =>
  llmGateway(['init', '--dir', dir, '--yes', ...names, ...args], {})
const read = (path: string) => readFileSync(join(dir, path), 'utf8')
const actionsOf = ({ out }: { out: string }) =>
  new Map((JSON.parse(out) as { path: string; action: string }[]).map(({ path, action }) => [path, action]))

test('all files carry the names that were given, and none of the example', async () => {
  const given = {
    'gateway-app': 'shop-gateway',
    'langfuse-app': 'shop-traces',
    region: 'fra',
    organisation: 'shop',
    'gateway-host': 'llm.shop.example',
    'langfuse-host': 'traces.shop.example',
    'redis-name': 'shop-cache',
    vault: 'vault/shop.json',
  }
  const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value])
  const made = await init([...args, '--json'])
  expect(made.code, made.err).toBe(0)
  const paths = [...actionsOf(made).keys()]
  expect(paths).toEqual(
    expect.arrayContaining(['fly/gateway/fly.toml', 'runbooks/deploy.md', 'deployment.json']),
  )
  expect(paths.filter((path) => path.includes('clickhouse'))).toEqual([])
  for (const path of paths)
    expect(read(path), path).not.toMatch(
      /hotdash-(llm|langfuse)|hotrodan|abcdefghijklmnopqrst|admin@example|"ord"|--region ord|--org personal/,
    )
  expect(read('fly/gateway/fly.toml')).toMatch(/^app = "shop-gateway"\nprimary_region = "fra"$/m)
  expect(read('fly/litellm/fly.toml')).toContain('app = "shop-gateway-litellm"')
  expect(read('runbooks/deploy.md')).toContain('fly redis create --name shop-cache --org shop --region fra')
  expect(read('.gitignore')).toContain('vault/')
  // Mails link to a page that this repository has.
  const { runbookUrl } = JSON.parse(read('fly/gateway/monitor.json')) as { runbookUrl: string }
  expect(
    existsSync(runbookUrl.replace(/^https:.*\/main\//, new URL('../../', import.meta.url).pathname)),
  ).toBe(true)
  expect(statSync(join(dir, 'fly/gateway/bin/start-serve')).mode & 0o111).toBe(0o111)
})

test.each(['thin', 'current'])(
  'the folder of profile %s passes the check of fly.toml files',
  async (profile) => {
    expect((await init(['--profile', profile])).code).toBe(0)
    // The declaration of secrets is of all apps; the folder has those of its profile.
    const declared = JSON.parse(readTemplate('secrets.json')) as { apps: Record<string, unknown> }
    const left = ['operator', 'agents']
    const apps = Object.entries(declared.apps).filter(
      ([app]) => left.includes(app) || existsSync(join(dir, 'fly', app)),
    )
    writeFileSync(join(dir, 'secrets.json'), JSON.stringify({ ...declared, apps: Object.fromEntries(apps) }))
    const findings = checkFiles(dir, undefined).filter(({ problem }) => !problem.startsWith('no app uses'))
    expect(findings).toEqual([])
  },
)

test('a second run changes nothing, and remembers all answers', async () => {
  await init(['--region', 'fra'])
  const before = read('.llm-gateway.json')
  const again = await init(['--json'], [])
  expect([...new Set(actionsOf(again).values())]).toEqual(['same'])
  expect(read('.llm-gateway.json')).toBe(before)
})

test('what a person changed stays; the rest follows a new version', async () => {
  await init()
  const changed = `${read('fly/gateway/fly.toml')}# ours\n`
  writeFileSync(join(dir, 'fly/gateway/fly.toml'), changed)
  rmSync(join(dir, 'fly/litellm/fly.toml'))
  // An upgrade, as it looks from here: an older version had shipped another text, and the person left it alone.
  const manifest = JSON.parse(read('.llm-gateway.json')) as { files: Record<string, string> }
  const older = `${read('runbooks/restore.md')}An older sentence.\n`
  writeFileSync(join(dir, 'runbooks/restore.md'), older)
  const { createHash } = await import('node:crypto')
  manifest.files['runbooks/restore.md'] = createHash('sha256').update(older).digest('hex')
  writeFileSync(join(dir, '.llm-gateway.json'), JSON.stringify(manifest))

  const dry = await init(['--dry-run'])
  expect(dry.out).toContain('-An older sentence.')
  expect(read('runbooks/restore.md')).toBe(older)
  const ran = await init(['--json'])
  expect(ran.code).toBe(0)
  const actions = actionsOf(ran)
  expect(actions.get('fly/gateway/fly.toml')).toBe('kept')
  expect(actions.get('fly/litellm/fly.toml')).toBe('left-out')
  expect(actions.get('runbooks/restore.md')).toBe('update')
  expect(read('fly/gateway/fly.toml')).toBe(changed)
  expect(read('runbooks/restore.md')).not.toContain('An older sentence.')
  expect(existsSync(join(dir, 'fly/litellm/fly.toml'))).toBe(false)
})

test('a file that both have changed stays, and the shipped one is written beside it, once', async () => {
  await init()
  const changed = read('fly/gateway/fly.toml').replace('"1024mb"', '"2048mb"')
  writeFileSync(join(dir, 'fly/gateway/fly.toml'), changed)
  const conflict = await init(['--region', 'fra'])
  expect(conflict.code).toBe(1)
  expect(conflict.out).toMatch(/conflict +fly\/gateway\/fly.toml/)
  expect(read('fly/gateway/fly.toml')).toBe(changed)
  expect(read('fly/gateway/fly.toml.new')).toContain('primary_region = "fra"')
  const again = await init(['--json'])
  expect([again.code, actionsOf(again).get('fly/gateway/fly.toml')]).toEqual([0, 'kept'])
})

test.each([
  [[], '--supabase-ref is missing'],
  [['--supabase-ref', 'short', '--admin-email', 'a@b.cd'], '--supabase-ref must be 20 lower-case letters'],
  [[...NAMES, '--region', 'Chicago'], '--region must be three letters'],
  [[...NAMES, '--profile', 'thick'], '--profile must be thin or current'],
  [[...NAMES, '--gateway-app', 'a b'], '--gateway-app must be'],
])('init %j is refused, and writes nothing', async (names, message) => {
  const { code, err } = await init([], names)
  expect([code, err.includes(message)], err).toEqual([2, true])
  expect(existsSync(join(dir, 'deployment.json'))).toBe(false)
})

test('only answers that must be given are asked for, not those that follow from them', async () => {
  const { err } = await init([], [])
  expect(err.match(/^--[\w-]+ is missing/gm)).toEqual([
    '--supabase-ref is missing',
    '--admin-email is missing',
  ])
})

test('links of the runbooks lead to pages that are there: beside them, or in the repository', async () => {
  await init()
  for (const name of ['deploy', 'alerts', 'secrets-rotation'])
    for (const [, target = ''] of read(`runbooks/${name}.md`).matchAll(/\]\(([^)#\s]+)[^)]*\)/g))
      if (!target.startsWith('https://')) expect(existsSync(join(dir, 'runbooks', target)), target).toBe(true)
})

test('answers and a manifest that are damaged are named', async () => {
  await init()
  writeFileSync(join(dir, '.llm-gateway.json'), '{')
  expect((await init()).err).toContain('.llm-gateway.json is damaged')
  writeFileSync(join(dir, 'deployment.json'), '{"region": 1, "colour": "red"}')
  const { code, err } = await init()
  expect(code).toBe(2)
  expect(err).toContain('colour: unknown')
  chmodSync(join(dir, 'deployment.json'), 0o600)
})
