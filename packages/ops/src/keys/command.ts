import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { newTeamKey, openVault, type Vault } from '@hotdash/llm-gateway/custody'
import { GatewayOptionsError } from '@hotdash/llm-gateway/policy'
import { CONNECTION_HELP, CONNECTION_OPTIONS, requireRedisUrl } from '../cli/connection.ts'
import { printable } from '../cli/format.ts'
import { operatorName } from '../cli/operator.ts'
import { printFailure, printJson, printLine, printNote } from '../cli/output.ts'
import { createSecrets, type Secrets } from '../cli/secrets.ts'
import { runSubcommand } from '../cli/subcommand.ts'
import { UsageError } from '../core/command.ts'

export const summary =
  "keeps OpenAI's key in Redis, sealed under team keys, so that agents hold team keys only"

export const help = `llm-gateway keys: ${summary}.

Usage: llm-gateway keys <subcommand> [options]

  new                     makes a team key, and prints the SHA-256 for the policy
  seal --team TEAM        seals OpenAI's key under a team key
  rotate --team TEAM ...  replaces OpenAI's key in all sealed copies of these teams
  revoke ID --team TEAM   deletes the copy of a team key; agents that use it are refused within seconds
  list --team TEAM        lists the sealed copies of a team: id, time, and who sealed it
  check --team TEAM       checks that a team key opens its copy; --ask: and that OpenAI accepts the key in it

${CONNECTION_HELP}
  --by NAME        who, for the list                       (user@host)
  --upstream URL   for --ask                               (OPENAI_BASE_URL, or https://api.openai.com/v1)

No secret is an argument. Each is read from its variable, else from the terminal without echo, else from the next line
of standard input: OPENAI_API_KEY (OpenAI's), LLM_GATEWAY_KEY (the team's), LLM_GATEWAY_MASTER_KEY (the operator's, for
seal and rotate). Store the master key where OpenAI's key is stored: with it and this Redis, every copy can be opened.

Examples:
  llm-gateway keys new                                  # once for the operator, once for each team
  llm-gateway keys seal --team prod_customer
  llm-gateway keys rotate --team prod_customer --team prod_ceo
  llm-gateway keys list --team prod_customer
  llm-gateway keys revoke 3f9a01c2b4d5e6f7 --team prod_customer

Exit codes: 0 done, 1 refused, 2 usage error. Details: docs/key-custody.md`

type Values = {
  redis?: string | undefined
  team: string[]
  by?: string | undefined
  upstream?: string | undefined
  ask: boolean
  json: boolean
}
type Context = { vault: Vault; secrets: Secrets; values: Values; team: string }

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      team: { type: 'string', multiple: true, default: [] },
      by: { type: 'string' },
      upstream: { type: 'string' },
      ask: { type: 'boolean', default: false },
    },
  })
  return await runSubcommand(
    'keys',
    positionals,
    {
      new: { run: () => createKey(values.json) },
      seal: { run: () => withVault('seal', values, seal) },
      rotate: { run: () => withVault('rotate', values, rotate) },
      revoke: {
        takesOperand: true,
        run: (id) => withVault('revoke', values, (context) => revoke(context, id)),
      },
      list: { run: () => withVault('list', values, list) },
      check: { run: () => withVault('check', values, check) },
    },
    'Secrets are never arguments.',
  )
}

/**
 * Opens the vault, runs a subcommand and closes the vault. Returns 1 where the vault refuses an argument.
 *
 * @throws UsageError where `--redis` or `--team` is missing, or there are several teams and the subcommand takes one
 */
async function withVault(
  subcommand: string,
  values: Values,
  work: (context: Context) => Promise<number>,
): Promise<number> {
  const redis = requireRedisUrl(values.redis)
  const [team, ...others] = values.team
  if (team === undefined) throw new UsageError('--team TEAM is missing.')
  if (others.length > 0 && subcommand !== 'rotate')
    throw new UsageError(`keys ${subcommand} takes one --team.`)
  const secrets = createSecrets(process.env)
  const needsMasterKey = subcommand === 'seal' || subcommand === 'rotate'
  const masterKey = needsMasterKey
    ? await secrets.read("The operator's master key", 'LLM_GATEWAY_MASTER_KEY')
    : undefined
  const vault = openVault({ redis, ...(masterKey !== undefined && { masterKey }) })
  try {
    return await work({ vault, secrets, values, team })
  } catch (error) {
    if (error instanceof GatewayOptionsError) return printFailure(`Refused: ${error.message}`)
    throw error
  } finally {
    vault.close()
    secrets.close()
  }
}

function createKey(json: boolean): number {
  const key = newTeamKey()
  const hash = sha256(key)
  if (json) return printJson({ key, sha256: hash })
  printLine(key)
  return printNote(
    `SHA-256, for "keys" of its team in the policy: ${hash}\nThe key is not stored anywhere: keep it now.`,
  )
}

async function seal({ vault, secrets, values, team }: Context): Promise<number> {
  const upstreamKey = await secrets.read("OpenAI's key", 'OPENAI_API_KEY')
  const teamKey = await readTeamKey(secrets, team)
  const sealed = await vault.seal({ team, teamKey, upstreamKey, by: operatorName(values.by) })
  const hash = sha256(teamKey)
  return values.json
    ? printJson({ team, ...sealed, sha256: hash })
    : printNote(`Sealed for team ${team} as ${sealed.id}. The policy must list its SHA-256: ${hash}`)
}

async function rotate({ vault, secrets, values }: Context): Promise<number> {
  const upstreamKey = await secrets.read("OpenAI's new key", 'OPENAI_API_KEY')
  const rotated: { team: string; keys: number }[] = []
  for (const team of values.team) {
    const keys = await vault.rotate(team, upstreamKey)
    rotated.push({ team, keys })
    if (!values.json) printNote(`Team ${team}: ${keys} ${keys === 1 ? 'copy' : 'copies'} exchanged.`)
  }
  if (values.json) printJson(rotated)
  const empty = rotated.filter(({ keys }) => keys === 0).map(({ team }) => team)
  return empty.length === 0 ? 0 : printFailure(`Nothing is sealed for ${empty.join(', ')}.`)
}

async function revoke({ vault, values, team }: Context, id: string | undefined): Promise<number> {
  if (id === undefined || !/^[0-9a-f]{16}$/.test(id))
    throw new UsageError(`keys revoke: which one? An id from: llm-gateway keys list --team ${team}`)
  if (!(await vault.revoke(team, id))) return printFailure(`Team ${team} has no key ${id}.`)
  if (values.json) return printJson({ team, id, revoked: true })
  printNote('Revoked. Remove its SHA-256 from the policy, too.')
  return printNote(
    "A program that used it may still hold OpenAI's key in memory: if it was lost or stolen, exchange OpenAI's key (keys rotate).",
  )
}

async function list({ vault, values, team }: Context): Promise<number> {
  const keys = await vault.list(team)
  if (values.json) return printJson(keys)
  if (keys.length === 0) return printNote(`Nothing is sealed for team ${team}.`)
  for (const { id, sealedAt, by } of keys.toSorted((a, b) => a.sealedAt - b.sealedAt))
    printLine(`${id}  ${new Date(sealedAt).toISOString()}  ${printable(by)}`)
  return 0
}

async function check({ vault, secrets, values, team }: Context): Promise<number> {
  const key = await vault.open(team, await readTeamKey(secrets, team))
  if (key === undefined)
    return printFailure(`Nothing is sealed for this key of team ${team}, or its copy is damaged.`)
  if (!values.ask)
    return values.json ? printJson({ team, opens: true }) : printNote('The team key opens its copy.')
  const base = (values.upstream ?? process.env.OPENAI_BASE_URL) || 'https://api.openai.com/v1'
  const headers = { authorization: `Bearer ${key}` }
  const { status } = await fetch(`${base.replace(/\/+$/, '')}/models`, {
    headers,
    redirect: 'manual',
    signal: AbortSignal.timeout(10_000),
  })
  if (values.json) printJson({ team, opens: true, status })
  if (status >= 300)
    return printFailure(`The team key opens its copy, but upstream answers ${status} to the key in it.`)
  return values.json ? 0 : printNote('The team key opens its copy, and upstream accepts the key in it.')
}

const readTeamKey = (secrets: Secrets, team: string) =>
  secrets.read(`A team key of ${team}`, 'LLM_GATEWAY_KEY')

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
