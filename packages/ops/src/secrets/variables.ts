import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { UsageError } from '../core/command.ts'
import type { Answers } from '../deployment/answers.ts'
import type { Catalogue } from './catalogue.ts'
import type { Secrets } from './vault.ts'

/**
 * Returns an app's variables with their values.
 *
 * @throws UsageError where the app is unknown, or secrets that it needs are missing
 */
export function variablesOf(
  app: string,
  catalogue: Catalogue,
  secrets: Secrets,
  answers: Answers,
): Record<string, string> {
  const templates = Object.hasOwn(catalogue.apps, app) ? catalogue.apps[app] : undefined
  if (templates === undefined)
    throw new UsageError(`There is no app "${app}". It is one of ${Object.keys(catalogue.apps).join(', ')}.`)
  const missing = new Set<string>()
  const filled = Object.entries(templates).map(([variable, template]) => {
    const value = template.replace(PLACEHOLDER, (_, name: string, filter: string | undefined) => {
      const found = Object.hasOwn(secrets, name) ? secrets[name]?.value : answers[name as keyof Answers]
      if (found === undefined) missing.add(name)
      return found === undefined ? '' : (FILTERS[filter ?? 'plain'] ?? plain)(found)
    })
    return [variable, value] as const
  })
  if (missing.size > 0) throw new UsageError(missingText([...missing], catalogue))
  return Object.fromEntries(filled)
}

const PLACEHOLDER = /\$\{(\w+)(?:\|(\w+))?\}/g

function missingText(names: string[], { secrets }: Catalogue): string {
  const lines = names.map((name) => {
    const entry = secrets.find((each) => each.name === name)
    const command = entry?.make == null ? `llm-gateway secrets set ${name}` : 'llm-gateway secrets generate'
    return `  ${name}: ${command}   (${entry?.purpose ?? 'unknown'})`
  })
  return `These secrets are missing:\n${lines.join('\n')}`
}

const plain = (value: string) => value

/** Parts of an address, and a form of a password, that a template may take of a value. */
const FILTERS: Record<string, (value: string) => string> = {
  plain,
  host: (url) => urlOf(url).hostname,
  port: (url) => urlOf(url).port || '6379',
  password: (url) => decodeURIComponent(urlOf(url).password),
  scram: scramVerifier,
}

function urlOf(text: string): URL {
  if (!URL.canParse(text))
    throw new UsageError('A secret that must be an address has another form. See: llm-gateway secrets status')
  return new URL(text)
}

const ITERATIONS = 4_096

/** Returns what Postgres stores of a password (RFC 5802, RFC 7677), so that the password itself stays here. */
export function scramVerifier(password: string, salt = randomBytes(16)): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256')
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest()
  const stored = createHash('sha256').update(keyOf('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${keyOf('Server Key').toString('base64')}`
}
