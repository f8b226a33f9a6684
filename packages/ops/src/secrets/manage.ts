import { counted, printable } from '../cli/format.ts'
import { printFailure, printJson, printLine, printNote } from '../cli/output.ts'
import { createSecrets } from '../cli/secrets.ts'
import { type Style, styleFor } from '../cli/style.ts'
import { UsageError } from '../core/command.ts'
import { graceMs, type SecretStatus, statusOf } from './ages.ts'
import { readFlyApp } from './fly-app.ts'
import { formProblem } from './form.ts'
import { makeSecret } from './generate.ts'
import { type Context, entryOf } from './options.ts'
import { writeTeamKeys } from './team-keys.ts'
import { type TeamUse, useOfTeams } from './usage.ts'
import { changeVault, readVault, type Secrets, type StoredSecret } from './vault.ts'

/** Makes all secrets that are missing and can be made. Names those that come from elsewhere. */
export function generate(context: Context): number {
  const { vault, entries, values } = context
  const madeAt = new Date().toISOString()
  const { made, secrets } = changeVault(vault, (before) => {
    const missing = entries.filter(({ name, make }) => make !== null && before[name] === undefined)
    const made = missing.map(
      ({ name, make }) => [name, { value: makeSecret(make ?? 'chars-32'), madeAt }] as const,
    )
    const secrets: Secrets = { ...before, ...Object.fromEntries(made) }
    return { secrets, result: { made: made.map(([name]) => name), secrets } }
  })
  const isPolicyChanged = writeTeamKeys(context.policy, entries, secrets)
  const missing = entries.filter(({ name }) => secrets[name] === undefined)
  if (values.json) return printJson({ made, missing: missing.map(({ name }) => name) })
  printNote(
    made.length === 0 ? 'Nothing was missing that can be made.' : `Made ${made.length}: ${made.join(', ')}.`,
  )
  sayPolicy(context, isPolicyChanged)
  for (const { name, purpose } of missing)
    printNote(`Missing: llm-gateway secrets set ${name}   (${purpose})`)
  return 0
}

/** Stores a secret that comes from elsewhere. The one before is gone, unless it is a team key. */
export async function set(context: Context, name: string | undefined): Promise<number> {
  const entry = entryOf(context, name)
  const reader = createSecrets(undefined)
  const value = await reader.read(entry.purpose, entry.name).finally(() => reader.close())
  const problem = formProblem(entry.name, entry.address, value)
  if (problem !== undefined) throw new UsageError(`${entry.name} is not stored: ${problem}`)
  const stored = { value, madeAt: new Date().toISOString() }
  const secrets = changeVault(context.vault, (before) => {
    const secrets = { ...before, [entry.name]: stored }
    return { secrets, result: secrets }
  })
  sayPolicy(context, writeTeamKeys(context.policy, context.entries, secrets))
  return context.values.json
    ? printJson({ name: entry.name, stored: true })
    : printNote(`Stored ${entry.name}.`)
}

/** @throws UsageError where rotating breaks something, or the grace of the last rotation is not over */
export function rotate(context: Context, name: string | undefined): number {
  const { make, rotateDays, team, purpose, ...entry } = entryOf(context, name)
  const { force, grace, json } = context.values
  if (make === null)
    throw new UsageError(
      `${entry.name} is made elsewhere (${purpose}). Make a new one there, then: llm-gateway secrets set ${entry.name}`,
    )
  if (rotateDays === null && !force)
    throw new UsageError(`${entry.name} is not rotated: ${purpose}. To do it all the same, say --force.`)
  const ms = graceMs(grace)
  if (ms === undefined || ms === 0) throw new UsageError('--grace must be hours or days, such as 12h or 7d.')
  const now = Date.now()
  const until = new Date(now + ms).toISOString()
  const secrets = changeVault(context.vault, (before) => {
    const old = before[entry.name]
    if (old === undefined) throw new UsageError(`${entry.name} is missing. Run: llm-gateway secrets generate`)
    if (old.previous !== undefined && !force)
      throw new UsageError(
        `${entry.name} was rotated before, and its previous value was not retired. Run: llm-gateway secrets retire ${entry.name}`,
      )
    const rotated: StoredSecret = {
      value: makeSecret(make),
      madeAt: new Date(now).toISOString(),
      previous: { value: old.value, until },
    }
    const secrets = { ...before, [entry.name]: rotated }
    return { secrets, result: secrets }
  })
  const isPolicyChanged = writeTeamKeys(context.policy, context.entries, secrets)
  if (json)
    return printJson({ name: entry.name, previousUntil: until, policyChanged: isPolicyChanged === true })
  printNote(`Rotated ${entry.name}. Its previous value is kept until ${minuteOf(until)}.`)
  sayPolicy(context, isPolicyChanged)
  if (team === undefined) printNote(handOver(context, entry.name))
  else
    printNote(
      `Push the policy, in which both work: llm-gateway policy push ${context.policy}\nGive team ${team} the new one. When status shows that it has it: llm-gateway secrets retire ${entry.name}`,
    )
  return 0
}

/** Returns the commands that hand a new value over. */
function handOver({ catalogue, values: { dir } }: Context, name: string): string {
  const commands = Object.entries(catalogue.apps).flatMap(([app, variables]) => {
    const isUsed = Object.values(variables).some((template) => template.includes(`\${${name}`))
    const fly = isUsed ? readFlyApp(dir, app) : undefined
    return fly === undefined
      ? []
      : [`  llm-gateway secrets import --app ${app} | fly secrets import --app ${fly.name}`]
  })
  const first =
    name === 'LANGFUSE_DB_PASSWORD'
      ? [
          'Postgres knows one password only. Set the new one:',
          `  llm-gateway secrets exec --app operator -- sh -c 'psql "$SUPABASE_DB_URL" -q -v ON_ERROR_STOP=1 -f supabase/langfuse/password.sql'`,
        ]
      : []
  return [...first, ...(commands.length === 0 ? [] : ['Give it to its apps:', ...commands])].join('\n')
}

/** Formats an instant of ISO 8601 for people. */
const minuteOf = (iso: string) => `${iso.slice(0, 16).replace('T', ' ')} UTC`

/** @throws UsageError where the secret has no previous value, or its grace is not over */
export function retire(context: Context, name: string | undefined): number {
  const entry = entryOf(context, name)
  const { secrets, retired } = changeVault(context.vault, (before) => {
    const stored = before[entry.name]
    if (stored?.previous === undefined) throw new UsageError(`${entry.name} has no previous value.`)
    if (Date.parse(stored.previous.until) > Date.now() && !context.values.force)
      throw new UsageError(
        `Its previous value works until ${minuteOf(stored.previous.until)}. To end that now, say --force.`,
      )
    const { previous, ...rest } = stored
    const secrets = { ...before, [entry.name]: rest }
    return { secrets, result: { secrets, retired: previous.value } }
  })
  const isPolicyChanged = writeTeamKeys(context.policy, context.entries, secrets, [retired])
  if (context.values.json) return printJson({ name: entry.name, retired: true })
  printNote(`Retired the previous ${entry.name}.`)
  if (entry.team !== undefined)
    printNote(`It works until the policy is pushed: llm-gateway policy push ${context.policy}`)
  sayPolicy(context, isPolicyChanged)
  return 0
}

/** Lists all secrets without their values. Returns 1 where one is missing or overdue, or a grace is over. */
export async function status(context: Context): Promise<number> {
  const { json, redis } = context.values
  // A variable that is not set.
  if (redis === '') throw new UsageError('--redis is empty: say --redis URL, or leave it out.')
  const secrets = readVault(context.vault)
  const rows = statusOf(context.entries, secrets)
  const use = redis === undefined ? [] : await useOfTeams(redis, context.entries, secrets)
  const isDue = rows.some(
    ({ state, isGraceOver }) => state === 'missing' || state === 'overdue' || isGraceOver,
  )
  if (json) printJson({ secrets: rows, use })
  else {
    for (const row of rows) printLine(lineOf(row, use))
    if (rows.some(({ state }) => state === 'keeps'))
      printNote('keeps: not rotated, since that breaks what it protects; secrets rotate NAME says what.')
  }
  return isDue ? 1 : 0
}

function lineOf(row: SecretStatus, use: TeamUse[]): string {
  const style = styleFor(process.stdout)
  const { name, state, ageDays, rotateBy, previousUntil, isGraceOver, team } = row
  const colour = state === 'ok' || state === 'keeps' ? 'green' : state === 'due' ? 'yellow' : 'red'
  const age = ageDays === undefined ? '' : `${ageDays} ${ageDays === 1 ? 'day' : 'days'} old`
  const used = use.find((each) => each.team === team)
  return [
    name.padEnd(30),
    style(colour, state.padEnd(8)),
    age.padEnd(14),
    (rotateBy === undefined ? '' : `rotate by ${rotateBy}`).padEnd(20),
    previousUntil === undefined
      ? ''
      : isGraceOver
        ? style('red', `grace is over since ${minuteOf(previousUntil)}: retire it`)
        : `previous ${team === undefined ? 'kept' : 'works'} until ${minuteOf(previousUntil)}`,
    used === undefined ? '' : `last hour: ${counted(used.calls, 'call')}${listOf(used.agents)}`,
    used?.previousKey === undefined ? '' : previousText(used.previousKey, style),
  ]
    .filter((part, at) => at < 4 || part !== '')
    .join('  ')
    .trimEnd()
}

const listOf = (agents: string[]) => (agents.length === 0 ? '' : ` of ${printable(agents.join(', '))}`)

/** Tells who still uses the key from before the rotation. */
const previousText = ({ calls, agents }: NonNullable<TeamUse['previousKey']>, style: Style) =>
  calls === 0
    ? style('green', 'no call with the previous key in 24 h')
    : style('yellow', `with the previous key in 24 h: ${counted(calls, 'call')}${listOf(agents)}`)

function sayPolicy({ policy, values }: Context, isChanged: boolean | undefined): void {
  if (values.json || isChanged === false) return
  if (isChanged) printNote(`Hashes of team keys are in ${policy}.`)
  else printFailure(`There is no ${policy}, so no policy has the hashes of team keys.`)
}
