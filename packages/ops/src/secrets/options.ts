import { join } from 'node:path'
import { UsageError } from '../core/command.ts'
import { ANSWERS_FILE, type Answers, EXAMPLE, readAnswers } from '../deployment/answers.ts'
import { type Catalogue, loadCatalogue, type SecretEntry, secretsOf } from './catalogue.ts'
import type { VaultOptions } from './encryption.ts'

/** Options of `llm-gateway secrets`, for `parseArgs`. */
export const OPTIONS = {
  dir: { type: 'string', default: '.' },
  vault: { type: 'string' },
  policy: { type: 'string' },
  recipient: { type: 'string', multiple: true },
  identity: { type: 'string' },
  app: { type: 'string' },
  grace: { type: 'string', default: '7d' },
  redis: { type: 'string' },
  force: { type: 'boolean', default: false },
  reveal: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const

/** Values of `OPTIONS`. */
export type Values = {
  dir: string
  vault?: string | undefined
  policy?: string | undefined
  recipient?: string[] | undefined
  identity?: string | undefined
  app?: string | undefined
  grace: string
  redis?: string | undefined
  force: boolean
  reveal: boolean
  json: boolean
}

/** What a subcommand works on. */
export type Context = {
  values: Values
  answers: Answers
  catalogue: Catalogue
  /** Secrets of this deployment's profile. */
  entries: SecretEntry[]
  vault: VaultOptions
  /** Policy file that team keys enter as hashes. */
  policy: string
}

/** @throws UsageError where there is neither a deployment folder nor `--vault` */
export function contextOf(values: Values): Context {
  const own = readAnswers(values.dir)
  if (own === undefined && values.vault === undefined)
    throw new UsageError(
      `There is no ${ANSWERS_FILE} in ${values.dir}: run llm-gateway init first, or say --dir FOLDER or --vault FILE.`,
    )
  const answers = own ?? EXAMPLE
  const catalogue = loadCatalogue()
  return {
    values,
    answers,
    catalogue,
    entries: secretsOf(catalogue, answers.profile),
    vault: {
      path: values.vault ?? join(values.dir, answers.vault),
      recipients: values.recipient ?? [],
      identity: values.identity ?? (process.env.LLM_GATEWAY_VAULT_IDENTITY || undefined),
    },
    policy: values.policy ?? join(values.dir, 'fly/gateway/policy.json'),
  }
}

/** @throws UsageError where no secret has that name */
export function entryOf({ entries }: Context, name: string | undefined): SecretEntry {
  const entry = entries.find((each) => each.name === name)
  if (entry) return entry
  throw new UsageError(
    `${name === undefined ? 'Which secret?' : `There is no secret "${name}".`} One of: ${entries.map((each) => each.name).join(', ')}.`,
  )
}
