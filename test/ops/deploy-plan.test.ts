import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { llmGateway } from '../command.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

async function deployment(args: string[] = []): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'plan-'))
  folders.push(dir)
  const names = [
    '--supabase-ref',
    'qwertyuiopasdfghjklz',
    '--admin-email',
    'ops@shop.example',
    '--gateway-app',
    'shop-gateway',
  ]
  expect((await llmGateway(['init', '--dir', dir, '--yes', ...names, ...args], {})).code).toBe(0)
  return dir
}

type Plan = {
  profile: string
  steps: { title: string; purpose: string; commands: { command: string; byHand: boolean }[] }[]
  missing: { what: string; fix: string }[]
}
const planOf = async (dir: string) => {
  const { out, code } = await llmGateway(['deploy', 'plan', '--dir', dir, '--json'], {})
  return { code, ...(JSON.parse(out) as Plan) }
}
const commandsOf = ({ steps }: Plan) => steps.flatMap(({ commands }) => commands)

/** All files with their contents and times. */
const stateOf = (dir: string) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(dir, path)).isFile())
    .map((path) => [path, readFileSync(join(dir, path), 'utf8'), statSync(join(dir, path)).mtimeMs])

test("the plan has the commands of the folder's runbook, all and in order, and writes nothing", async () => {
  const dir = await deployment()
  const before = stateOf(dir)
  const plan = await planOf(dir)
  expect(stateOf(dir)).toEqual(before)
  expect(plan.steps.map(({ title }) => title)).toEqual([
    'Redis',
    'Secrets',
    'Database',
    'Langfuse',
    'Gateway',
    'Check',
    'Agents',
  ])
  const page = readFileSync(join(dir, 'runbooks/deploy.md'), 'utf8')
  const toRun = [...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    block.trim().split('\n'),
  )
  // The first two made the folder.
  expect(
    commandsOf(plan)
      .filter(({ byHand }) => !byHand)
      .map(({ command }) => command),
  ).toEqual(toRun.slice(2))
  expect(commandsOf(plan).some(({ command }) => command.includes('--app shop-gateway'))).toBe(true)
  expect(JSON.stringify(plan)).not.toMatch(/hotdash-llm-gateway/)
  const { out } = await llmGateway(['deploy', 'plan', '--dir', dir, '--commands'], {})
  expect(out.trim().split('\n')).toEqual(toRun.slice(2))
  expect((await llmGateway(['deploy', 'plan', '--dir', dir], {})).out).toMatch(
    /^1\. Redis\n {3}One database for all agents/m,
  )
})

test('the other profile of Langfuse has its own steps in place of step 4', async () => {
  const plan = await planOf(await deployment(['--profile', 'current']))
  const [, , , langfuse] = plan.steps
  expect(langfuse?.title).toBe('Langfuse')
  const commands = langfuse?.commands.map(({ command }) => command) ?? []
  expect(commands.some((command) => command.includes('secrets import --app clickhouse'))).toBe(true)
  expect(commands.some((command) => command.includes('langfuse-thin'))).toBe(false)
  expect(langfuse?.commands.every(({ byHand }) => !byHand)).toBe(true)
})

test('what is missing is named with its fix, by the names of secrets alone; exit code 1 until nothing is', async () => {
  const dir = await deployment()
  const first = await planOf(dir)
  expect(first).toMatchObject({
    code: 1,
    missing: [{ what: expect.stringContaining('the vault'), fix: expect.any(String) }],
  })
  await llmGateway(['secrets', 'generate', '--dir', dir], {})
  const { missing } = await planOf(dir)
  expect(missing.map(({ what }) => what)).toEqual(
    ['OPENAI_API_KEY', 'REDIS_URL', 'SUPABASE_SECRET_KEY', 'LLM_GATEWAY_SMTP_URL', 'SUPABASE_DB_URL'].map(
      (name) => `the secret ${name}`,
    ),
  )
  for (const { what, fix } of missing) {
    const name = what.split(' ').at(-1) ?? ''
    expect(fix).toBe(`Store it: llm-gateway secrets set ${name}`)
    const schemes: Record<string, string> = {
      REDIS_URL: 'redis://',
      SUPABASE_DB_URL: 'postgresql://',
      LLM_GATEWAY_SMTP_URL: 'smtps://',
    }
    await llmGateway(['secrets', 'set', name, '--dir', dir], {}, `${schemes[name] ?? ''}a-value-of-no-use`)
  }
  const last = await llmGateway(['deploy', 'plan', '--dir', dir, '--json'], {})
  expect(last.code).toBe(0)
  expect(last.out).not.toContain('a-value-of-no-use')
  rmSync(join(dir, 'fly/gateway/policy.json'))
  expect((await planOf(dir)).missing).toEqual([
    { what: 'the file fly/gateway/policy.json', fix: `Restore it: llm-gateway init --dir ${dir}` },
  ])
})

test('without a folder of init, or with a runbook that is gone or without steps, it says what to do', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'plan-'))
  folders.push(empty)
  const plan = (dir: string) => llmGateway(['deploy', 'plan', '--dir', dir], {})
  expect(await plan(empty)).toMatchObject({
    code: 2,
    err: expect.stringContaining('run llm-gateway init first'),
  })
  const dir = await deployment()
  writeFileSync(join(dir, 'runbooks/deploy.md'), '# Ours\n')
  expect(await plan(dir)).toMatchObject({ code: 2, err: expect.stringContaining('has no numbered steps') })
  rmSync(join(dir, 'runbooks/deploy.md'))
  expect(await plan(dir)).toMatchObject({ code: 2, err: expect.stringContaining('is missing. Restore it') })
  expect(existsSync(join(dir, 'runbooks/deploy.md'))).toBe(false)
})
