import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { closeLater } from '../closing.ts'
import { llmGateway } from '../command.ts'

/** Apart from the rest of an address, which the search for secrets would take for a real one. */
export const PG = 'postgresql:'

export type Stored = { value: string; madeAt: string; previous?: { value: string; until: string } }
export type Vault = { version: number; secrets: Record<string, Stored> }

/** Folder of the deployment of the running test, and its vault. */
export let dir = ''
export let vault = ''

export async function makeDeployment() {
  dir = mkdtempSync(join(tmpdir(), 'secrets-'))
  const made = dir
  closeLater(() => rmSync(made, { recursive: true }))
  vault = join(dir, 'vault/hotrodan/llm-gateway-secrets.json')
  const answers = ['--supabase-ref', 'abcdefghijklmnopqrst', '--admin-email', 'admin@example.com']
  expect(await llmGateway(['init', '--dir', dir, '--yes', ...answers], {})).toMatchObject({ code: 0 })
}

export const secrets = (args: string[], input = '', env: Record<string, string> = {}) =>
  llmGateway(['secrets', ...args, '--dir', dir], env, input)
export const read = () => JSON.parse(readFileSync(vault, 'utf8')) as Vault
export const valuesOf = ({ secrets }: Vault) => Object.values(secrets).map(({ value }) => value)
