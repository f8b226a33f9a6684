import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { UsageError } from '../core/command.ts'

/** Name of the file with the answers, in the folder that `llm-gateway init` writes. */
export const ANSWERS_FILE = 'deployment.json'

/** What an operator decides, and no file can know. Holds no secret. */
export type Answers = {
  /** Fly app of `serve` and `monitor`. */
  gatewayApp: string
  langfuseApp: string
  /** Fly region, e.g. `ord`. */
  region: string
  /** Fly organisation. */
  organisation: string
  /** Public host name of the gateway. */
  gatewayHost: string
  /** Public host name of Langfuse, used where it is opened to the public. */
  langfuseHost: string
  /** Fly Redis. */
  redisName: string
  /** Project id of Supabase: 20 lower-case letters. */
  supabaseRef: string
  /** `host:port` of the direct connection. */
  supabaseDirect: string
  /** `host:port` of the transaction pooler. */
  supabasePooled: string
  /** Role of Langfuse as the pooler names it: with the project id behind a dot. */
  langfuseDbUser: string
  /** Address of Langfuse's first administrator. */
  adminEmail: string
  /** Who gets the monitor's mails, and from which address. */
  alertEmail: string
  alertFrom: string
  profile: 'thin' | 'current'
  /** Path of the vault, from the folder on. */
  vault: string
}

const text = z.string().check(z.minLength(1))

const schema = z.strictObject({
  gatewayApp: text,
  langfuseApp: text,
  region: text,
  organisation: text,
  gatewayHost: text,
  langfuseHost: text,
  redisName: text,
  supabaseRef: text,
  supabaseDirect: text,
  supabasePooled: text,
  langfuseDbUser: text,
  adminEmail: text,
  // Folders from before the monitor have neither.
  alertEmail: z.optional(text),
  alertFrom: z.optional(text),
  profile: z.enum(['thin', 'current']),
  vault: text,
})

/** The shipped example; `init` replaces these names in all files. */
export const EXAMPLE: Answers = {
  gatewayApp: 'hotdash-llm-gateway',
  langfuseApp: 'hotdash-langfuse',
  region: 'ord',
  organisation: 'personal',
  gatewayHost: 'gateway.hotrodan.com',
  langfuseHost: 'langfuse.hotrodan.com',
  redisName: 'hotdash-llm-cache',
  supabaseRef: 'abcdefghijklmnopqrst',
  supabaseDirect: 'db.abcdefghijklmnopqrst.supabase.co:5432',
  supabasePooled: 'aws-0-us-east-1.pooler.supabase.com:6543',
  langfuseDbUser: 'langfuse_app.abcdefghijklmnopqrst',
  adminEmail: 'admin@example.com',
  alertEmail: 'ops@example.com',
  alertFrom: 'llm-gateway@example.com',
  profile: 'thin',
  vault: 'vault/hotrodan/llm-gateway-secrets.json',
}

/**
 * Reads the answers of a folder. `undefined`: the folder has none.
 *
 * @throws UsageError naming each field that is missing or wrong
 */
export function readAnswers(folder: string): Answers | undefined {
  const path = `${folder}/${ANSWERS_FILE}`
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
  return parseAnswers(content, path)
}

function parseAnswers(content: string, path: string): Answers {
  let raw: unknown
  try {
    raw = JSON.parse(content)
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message}`)
  }
  const result = schema.safeParse(raw)
  if (result.success) {
    const { adminEmail, alertEmail = adminEmail, alertFrom = adminEmail, ...rest } = result.data
    return { ...rest, adminEmail, alertEmail, alertFrom }
  }
  const problems = result.error.issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? `${issue.keys.join(', ')}: unknown`
      : `${issue.path.join('.')}: ${issue.message}`,
  )
  throw new UsageError(`${path} is wrong:\n  ${problems.join('\n  ')}`)
}
