import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { BIN } from '../command.ts'
import { dir, makeDeployment, read, secrets, type Vault, valuesOf, vault } from './secrets-kit.ts'

beforeEach(makeDeployment)

test.each([
  [['rotate', 'LANGFUSE_SALT'], 'is not rotated'],
  [['rotate', 'OPENAI_API_KEY'], 'is made elsewhere'],
  [['rotate', 'ADMIN_KEY', '--grace', 'soon'], '--grace must be'],
  [['rotate', 'NO_KEY'], 'There is no secret "NO_KEY"'],
  [['retire', 'ADMIN_KEY'], 'has no previous value'],
  [['set'], 'Which secret?'],
  [['set', 'OPENAI_API_KEY'], 'is missing'],
])('secrets %j is refused, and changes nothing', async (args, message) => {
  await secrets(['generate'])
  const before = readFileSync(vault, 'utf8')
  const { code, err } = await secrets(args)
  expect([code, err.includes(message)], err).toEqual([2, true])
  expect(readFileSync(vault, 'utf8')).toBe(before)
})

test('a vault that others can read, that is damaged, or that another command changes is refused', async () => {
  await secrets(['generate'])
  chmodSync(vault, 0o644)
  expect((await secrets(['status'])).err).toContain(`chmod 600 ${vault}`)
  chmodSync(vault, 0o600)
  const before = readFileSync(vault, 'utf8')
  writeFileSync(vault, before.slice(0, -20))
  const damaged = await secrets(['status'])
  expect(damaged.err).toContain('is not JSON')
  for (const value of valuesOf(JSON.parse(before) as Vault)) expect(damaged.err).not.toContain(value)
  writeFileSync(vault, before)
  writeFileSync(`${vault}.lock`, '')
  expect((await secrets(['rotate', 'ADMIN_KEY'])).err).toContain('Another command changes the vault')
  expect(readFileSync(vault, 'utf8')).toBe(before)
})

test('a command that is killed leaves the vault whole', async () => {
  await secrets(['generate'])
  for (let round = 0; round < 5; round += 1) {
    rmSync(`${vault}.lock`, { force: true })
    const child = spawn(process.execPath, [BIN, 'secrets', 'rotate', 'ADMIN_KEY', '--force', '--dir', dir])
    const ended = new Promise((resolve) => child.once('close', resolve))
    // Waits for the lock, which is taken just before the vault is written.
    while (child.exitCode === null && !existsSync(`${vault}.lock`))
      await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGKILL')
    await ended
    expect(read().secrets.ADMIN_KEY?.value).toMatch(/^gwk-/)
  }
})

const hasAge = spawnSync('age', ['--version']).status === 0
test.skipIf(!hasAge)('a vault named .age is encrypted for its recipients', async () => {
  const identity = join(dir, 'identity')
  spawnSync('age-keygen', ['-o', identity])
  const recipient = /public key: (\S+)/.exec(readFileSync(identity, 'utf8'))?.[1] ?? ''
  const file = join(dir, 'vault.age')
  const encrypted = ['--vault', file, '--recipient', recipient]
  expect((await secrets(['generate', '--vault', file])).err).toContain('say --recipient')
  expect((await secrets(['generate', ...encrypted])).code).toBe(0)
  expect(readFileSync(file, 'utf8')).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----/)
  expect((await secrets(['status', '--vault', file])).err).toContain('say --identity')
  const rotated = await secrets(['rotate', 'ADMIN_KEY', ...encrypted, '--identity', identity])
  expect(rotated.code, rotated.err).toBe(0)
  const { out } = await secrets(['import', '--app', 'agents', '--vault', file], '', {
    LLM_GATEWAY_VAULT_IDENTITY: identity,
  })
  expect(out).toMatch(/^ADMIN_KEY=gwk-/m)
})
