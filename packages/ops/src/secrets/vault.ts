import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from '../core/command.ts'
import { decrypt, encrypt, isEncrypted, type VaultOptions } from './encryption.ts'

/** A stored secret. Dates are ISO 8601. */
export type StoredSecret = {
  value: string
  madeAt: string
  /** The value before the last rotation, which works until `until`. */
  previous?: { value: string; until: string }
}

export type Secrets = Record<string, StoredSecret>

type VaultFile = { version: 1; secrets: Secrets }

/**
 * Reads the vault. An absent file is an empty vault.
 *
 * @throws UsageError where others may read the file, or it is no vault, or it cannot be decrypted
 */
export function readVault(options: VaultOptions): Secrets {
  const { path } = options
  if (!existsSync(path)) return {}
  const mode = statSync(path).mode & 0o777
  if ((mode & 0o077) !== 0)
    throw new UsageError(`${path} can be read by others (mode ${mode.toString(8)}). Run: chmod 600 ${path}`)
  const content = isEncrypted(path) ? decrypt(options) : readFileSync(path, 'utf8')
  let file: Partial<VaultFile>
  try {
    file = JSON.parse(content) as Partial<VaultFile>
  } catch {
    // The parser's message quotes the text, which holds secrets.
    throw new UsageError(`${path} is not JSON.`)
  }
  if (file?.version !== 1 || typeof file.secrets !== 'object')
    throw new UsageError(`${path} is no vault of llm-gateway, version 1.`)
  return file.secrets
}

/**
 * Changes the vault under a lock, so that of two commands neither loses what the other wrote. The new file replaces the
 * old one at once and whole; both can be read by their owner only.
 *
 * @throws UsageError where another command holds the lock
 */
export function changeVault<Result>(
  options: VaultOptions,
  change: (secrets: Secrets) => { secrets: Secrets; result: Result },
): Result {
  const { path } = options
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const lock = `${path}.lock`
  try {
    closeSync(openSync(lock, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new UsageError(`Another command changes the vault. If none is running, remove ${lock}.`)
  }
  try {
    const { secrets, result } = change(readVault(options))
    writeVault(options, secrets)
    return result
  } finally {
    rmSync(lock)
  }
}

function writeVault(options: VaultOptions, secrets: Secrets): void {
  const { path } = options
  const file: VaultFile = { version: 1, secrets }
  const text = `${JSON.stringify(file, null, 2)}\n`
  const temporary = `${path}.new`
  // Left by a command that was killed.
  rmSync(temporary, { force: true })
  const descriptor = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(descriptor, isEncrypted(path) ? encrypt(options, text) : text)
    fsyncSync(descriptor)
  } catch (error) {
    rmSync(temporary)
    throw error
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, path)
}
