import { createHash } from 'node:crypto'
import { hostname, userInfo } from 'node:os'
import { parseArgs } from 'node:util'
import { GatewayOptionsError } from '@hotdash/llm-gateway'
import { newTeamKey, openVault, type Vault } from '@hotdash/llm-gateway/custody'
import { nearest } from '../cli/suggest.ts'
import { UsageError } from '../core/command.ts'
import { createSecrets, type Secrets } from './secrets.ts'

export const summary = "OpenAI's key, kept in Redis under the team keys: agents carry nothing else"

export const help = `llm-gateway keys: ${summary}.

Usage: llm-gateway keys <what> [options]

  new                     a team key, and the SHA-256 that the policy lists of it
  seal --team TEAM        seals OpenAI's key under a team key
  rotate --team TEAM ...  puts another key of OpenAI's in the place of all that are sealed for these teams
  revoke ID --team TEAM   takes a team key's copy away; agents that carry it are refused within seconds
  list --team TEAM        the ids of the team keys that have a copy, when it was sealed and by whom
  check --team TEAM       whether a team key opens its copy; --ask: and whether OpenAI takes what is in it

  --redis URL      the Redis that the agents share        (LLM_GATEWAY_REDIS_URL)
  --by NAME        who, for the list                       (user@host)
  --upstream URL   for --ask                               (OPENAI_BASE_URL, or https://api.openai.com/v1)
  --json           for programs: one JSON document on standard output

No secret is an argument. Each comes from its variable, or is asked for without an echo, or is the next line of standard
input: OPENAI_API_KEY (OpenAI's), LLM_GATEWAY_KEY (the team's), LLM_GATEWAY_MASTER_KEY (the operator's own, for seal and
rotate; keep it where you keep OpenAI's: whoever has it and this Redis can open everything).

Examples:
  llm-gateway keys new                                  # once for the operator, once for each team
  llm-gateway keys seal --team prod_customer
  llm-gateway keys rotate --team prod_customer --team prod_ceo
  llm-gateway keys list --team prod_customer
  llm-gateway keys revoke 3f9a01c2b4d5e6f7 --team prod_customer

Exit codes: 0 done, 1 refused, 2 not understood. docs/key-custody.md tells the rest.`

type Values = {
  redis?: string | undefined
  team: string[]
  by?: string | undefined
  upstream?: string | undefined
  ask: boolean
  json: boolean
}
type Desk = { vault: Vault; secrets: Secrets; values: Values; operand: string | undefined }

const SUBS: Record<string, (desk: Desk) => Promise<number>> = { seal, rotate, revoke, list, check }
const NAMES = ['new', ...Object.keys(SUBS)]

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      redis: { type: 'string' },
      team: { type: 'string', multiple: true, default: [] },
      by: { type: 'string' },
      upstream: { type: 'string' },
      ask: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const [name = '', operand, extra] = positionals
  if (extra !== undefined || (operand !== undefined && name !== 'revoke'))
    throw new UsageError(
      `"${name === 'revoke' ? extra : operand}" is a word too many. Secrets are never arguments.`,
    )
  if (name === 'new') return fresh(values.json)
  const sub = Object.hasOwn(SUBS, name) ? SUBS[name] : undefined
  if (sub === undefined) throw new UsageError(unknown(name))
  const { redis = process.env.LLM_GATEWAY_REDIS_URL } = values
  if (!redis) throw new UsageError('There is no Redis to ask: say --redis URL, or set LLM_GATEWAY_REDIS_URL.')
  if (values.team.length === 0) throw new UsageError('--team TEAM is missing.')
  if (values.team.length > 1 && name !== 'rotate') throw new UsageError(`keys ${name} takes one --team.`)
  const secrets = createSecrets(process.env)
  const needsMaster = name === 'seal' || name === 'rotate'
  const masterKey = needsMaster
    ? await secrets.read("The operator's master key", 'LLM_GATEWAY_MASTER_KEY')
    : undefined
  const vault = openVault({ redis, ...(masterKey !== undefined && { masterKey }) })
  try {
    return await sub({ vault, secrets, values, operand })
  } catch (error) {
    if (error instanceof GatewayOptionsError) return no(`Refused: ${error.message}`)
    throw error
  } finally {
    vault.close()
    secrets.close()
  }
}

function unknown(name: string): string {
  if (name === '') return `keys: which? ${NAMES.join(', ')}`
  const meant = nearest(name, NAMES)
  return `There is no "keys ${name}". ${meant === undefined ? `It is one of ${NAMES.join(', ')}.` : `Did you mean: llm-gateway keys ${meant}`}`
}

function fresh(json: boolean): number {
  const key = newTeamKey()
  const hash = createHash('sha256').update(key).digest('hex')
  if (json) return told({ key, sha256: hash })
  process.stdout.write(`${key}\n`)
  process.stderr.write(
    `SHA-256, for "keys" of its team in the policy: ${hash}\nThe key itself is written down nowhere.\n`,
  )
  return 0
}

async function seal({ vault, secrets, values }: Desk): Promise<number> {
  const team = teamOf(values)
  const upstreamKey = await secrets.read("OpenAI's key", 'OPENAI_API_KEY')
  const teamKey = await secrets.read(`A team key of ${team}`, 'LLM_GATEWAY_KEY')
  const sealed = await vault.seal({ team, teamKey, upstreamKey, by: (values.by ?? operator()).slice(0, 100) })
  const hash = createHash('sha256').update(teamKey).digest('hex')
  return values.json
    ? told({ team, ...sealed, sha256: hash })
    : say(`Sealed for team ${team} as ${sealed.id}. The policy must list its SHA-256: ${hash}`)
}

async function rotate({ vault, secrets, values }: Desk): Promise<number> {
  const upstreamKey = await secrets.read("OpenAI's new key", 'OPENAI_API_KEY')
  const done: { team: string; keys: number }[] = []
  for (const team of values.team) {
    const keys = await vault.rotate(team, upstreamKey)
    done.push({ team, keys })
    if (!values.json) say(`Team ${team}: ${keys} ${keys === 1 ? 'copy' : 'copies'} exchanged.`)
  }
  if (values.json) told(done)
  const none = done.filter(({ keys }) => keys === 0).map(({ team }) => team)
  return none.length === 0 ? 0 : no(`Nothing is sealed for ${none.join(', ')}.`)
}

async function revoke({ vault, values, operand }: Desk): Promise<number> {
  const team = teamOf(values)
  if (operand === undefined || !/^[0-9a-f]{16}$/.test(operand))
    throw new UsageError(`keys revoke: which one? An id from: llm-gateway keys list --team ${team}`)
  if (!(await vault.revoke(team, operand))) return no(`Team ${team} has no key ${operand}.`)
  if (values.json) return told({ team, id: operand, revoked: true })
  say(`Revoked. Take its SHA-256 out of the policy, too.`)
  return say(
    "Whoever held it may have OpenAI's key in memory: if it was lost or stolen, exchange that one (keys rotate).",
  )
}

async function list({ vault, values }: Desk): Promise<number> {
  const team = teamOf(values)
  const keys = await vault.list(team)
  if (values.json) return told(keys)
  if (keys.length === 0) return say(`Nothing is sealed for team ${team}.`)
  for (const { id, sealedAt, by } of keys.toSorted((a, b) => a.sealedAt - b.sealedAt))
    process.stdout.write(`${id}  ${new Date(sealedAt).toISOString()}  ${by.replace(/\p{C}/gu, '?')}\n`)
  return 0
}

async function check({ vault, secrets, values }: Desk): Promise<number> {
  const team = teamOf(values)
  const key = await vault.open(team, await secrets.read(`A team key of ${team}`, 'LLM_GATEWAY_KEY'))
  if (key === undefined) return no(`Nothing is sealed for this key of team ${team}, or it was damaged.`)
  if (!values.ask) return values.json ? told({ team, opens: true }) : say('It opens.')
  const base = (values.upstream ?? process.env.OPENAI_BASE_URL) || 'https://api.openai.com/v1'
  const headers = { authorization: `Bearer ${key}` }
  const { status } = await fetch(`${base.replace(/\/+$/, '')}/models`, {
    headers,
    signal: AbortSignal.timeout(10_000),
  })
  if (values.json) told({ team, opens: true, status })
  if (status >= 400) return no(`It opens, and upstream answers ${status} to what is in it.`)
  return values.json ? 0 : say('It opens, and upstream takes what is in it.')
}

const teamOf = ({ team: [team = ''] }: Values) => team

function operator(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return hostname()
  }
}

function told(value: unknown): number {
  process.stdout.write(`${JSON.stringify(value)}\n`)
  return 0
}

function say(text: string): number {
  process.stderr.write(`${text}\n`)
  return 0
}

function no(text: string): number {
  say(text)
  return 1
}
