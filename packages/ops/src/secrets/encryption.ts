import { spawnSync } from 'node:child_process'
import { UsageError } from '../core/command.ts'

/** Where the vault is, and who can open it. */
export type VaultOptions = {
  path: string
  /** Who can read an encrypted vault (age or sops); needed to write one. */
  recipients: string[]
  /** File with the identity that opens it. */
  identity: string | undefined
}

/** A vault whose name ends in `.age` is encrypted by age, one in `.sops.json` by sops. */
export const isEncrypted = (path: string): boolean => programOf(path) !== undefined

const programOf = (path: string) =>
  path.endsWith('.age') ? 'age' : path.endsWith('.sops.json') ? 'sops' : undefined

/**
 * Encrypts a text for the recipients. The program reads it from a pipe: it is in no file and no argument.
 *
 * @throws UsageError where there is no recipient, or the program is missing or fails
 */
export function encrypt({ path, recipients }: VaultOptions, text: string): string {
  if (recipients.length === 0)
    throw new UsageError(`${path} is encrypted: say --recipient, once for each person who may open it.`)
  const args =
    programOf(path) === 'age'
      ? ['--encrypt', '--armor', ...recipients.flatMap((recipient) => ['--recipient', recipient])]
      : [
          '--encrypt',
          '--age',
          recipients.join(','),
          '--input-type',
          'json',
          '--output-type',
          'json',
          '/dev/stdin',
        ]
  return run(path, args, text, {})
}

/** Decrypts a vault. @throws UsageError where there is no identity, or the program is missing or fails */
export function decrypt({ path, identity }: VaultOptions): string {
  if (identity === undefined)
    throw new UsageError(`${path} is encrypted: say --identity FILE, or set LLM_GATEWAY_VAULT_IDENTITY.`)
  return programOf(path) === 'age'
    ? run(path, ['--decrypt', '--identity', identity, path], '', {})
    : run(path, ['--decrypt', '--input-type', 'json', '--output-type', 'json', path], '', {
        SOPS_AGE_KEY_FILE: identity,
      })
}

function run(path: string, args: string[], input: string, env: Record<string, string>): string {
  const program = programOf(path) ?? ''
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    throw new UsageError(`${path} needs the program ${program}, which is not installed.`)
  if (status !== 0) throw new UsageError(`${program} failed: ${stderr.trim().split('\n')[0] ?? ''}`)
  return stdout
}
