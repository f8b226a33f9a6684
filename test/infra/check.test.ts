import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { checkFiles } from '../../packages/infra/check/all.ts'
import { ensureShellcheck } from '../../packages/infra/check/shell.ts'
import { checkSql } from '../../packages/infra/check/sql.ts'
import { DOCKER, FLY, GATEWAY, SCRIPTS, SECRETS, SERVE } from './breaks.ts'

const infra = fileURLToPath(new URL('../../packages/infra', import.meta.url))
const folders: string[] = []
const shellcheck = ensureShellcheck()
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** Returns a copy of the package's files. */
function copy(): string {
  const root = mkdtempSync(join(tmpdir(), 'infra-'))
  folders.push(root)
  for (const name of ['fly', 'supabase', 'secrets.json'])
    cpSync(join(infra, name), join(root, name), { recursive: true })
  return root
}

/** Returns a copy in which one passage of one file is replaced. */
function copyWith(file: string, from: string | RegExp, to: string): string {
  const root = copy()
  const text = readFileSync(join(root, file), 'utf8')
  const changed = text.replace(from, to)
  if (changed === text) throw new Error(`${file} has no ${from}`)
  writeFileSync(join(root, file), changed)
  return root
}

test('nothing is wrong with the files as they are', () => {
  expect(checkFiles(infra, shellcheck)).toEqual([])
})

test.each([...FLY, ...DOCKER, ...SCRIPTS, ...SECRETS])(
  '%s finds its break in %s: %s becomes %s',
  (rule, file, from, to, problem) => {
    const findings = checkFiles(copyWith(file, from, to), undefined)
    const found = findings.find((finding) => finding.rule === rule && problem.test(finding.problem))
    expect(found, JSON.stringify(findings)).toBeDefined()
    expect(found?.line).toBeGreaterThan(0)
    expect(found?.fix).not.toBe('')
  },
)

test.each([
  ['internal_port = 4000', 'intrenal_port = 4000', 'intrenal_port'],
  ['memory = "512mb"', 'memory = "5000mb"', '5000mb'],
  ['timeout = "5s"\n    # force', 'timeout = "70s"\n    # force', '70s'],
  ['kill_timeout = "45s"', 'kill_timeout = "20s"', 'kill_timeout'],
])('a finding names the line of its value: %s', (from, to, word) => {
  const root = copyWith(GATEWAY, from, to)
  const lines = readFileSync(join(root, GATEWAY), 'utf8').split('\n')
  const named = checkFiles(root, undefined).map(({ line }) => lines[line - 1])
  expect(
    named.some((line) => line?.includes(word)),
    named.join('\n'),
  ).toBe(true)
})

test.skipIf(shellcheck === undefined)('shellcheck finds what is wrong with a script', () => {
  const root = copyWith(SERVE, 'exec ', 'cp $LISTEN_HOST /tmp\nexec ')
  expect(checkFiles(root, shellcheck)).toEqual([
    expect.objectContaining({
      rule: 'shellcheck',
      file: SERVE,
      line: 7,
      problem: expect.stringContaining('SC2086'),
    }),
  ])
})

test('two migrations of one version are found', () => {
  const root = copy()
  const twin = 'supabase/migrations/20261123000000_other.sql'
  cpSync(join(root, 'supabase/migrations/20261123000000_llm_usage.sql'), join(root, twin))
  expect(checkFiles(root, shellcheck)).toEqual([
    expect.objectContaining({ rule: 'sql-version', file: twin, line: 1 }),
  ])
})

test('SQL that cannot be applied twice is found at its line', async () => {
  expect(await checkSql(infra)).toEqual([])
  const role = 'supabase/langfuse/role.sql'
  const once = copyWith(role, 'create schema if not exists', 'create schema')
  expect(await checkSql(once)).toEqual([
    expect.objectContaining({
      file: role,
      rule: 'sql',
      line: 20,
      problem: expect.stringMatching(/second time.*already exists/),
    }),
  ])
  const never = copyWith(role, 'grant langfuse_app', 'grnt langfuse_app')
  expect(await checkSql(never)).toEqual([
    expect.objectContaining({ file: role, problem: expect.stringMatching(/first time.*syntax error/) }),
  ])
})
