import { hostname, userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'
import { GatewayOptionsError, loadPolicy, type Policy } from '@hotdash/llm-gateway'
import {
  type AppliedChange,
  applySwitches,
  type Change,
  type ChangeInfo,
  type Difference,
  differences,
  openPolicyStore,
  PolicyConflict,
  type PolicyStore,
  unpricedChoices,
} from '@hotdash/llm-gateway/policy'
import { UsageError } from '../command.ts'
import { type Paint, painter } from './paint.ts'
import { diffLines, plain, seen, standingLine } from './render.ts'

/** What both commands take, for `parseArgs`. */
export const COMMON = {
  redis: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const
export const CHANGING = {
  ...COMMON,
  yes: { type: 'boolean', short: 'y', default: false },
  'dry-run': { type: 'boolean', default: false },
  comment: { type: 'string', short: 'm' },
  by: { type: 'string' },
} as const

export const COMMON_HELP = `  --redis URL      the Redis that the agents share        (LLM_GATEWAY_REDIS_URL)
  --json           for programs: one JSON document on standard output`

export const CHANGING_HELP = `${COMMON_HELP}
  --dry-run        shows what would change, and changes nothing
  --yes, -y        does not ask; needed where there is no terminal to ask at
  --comment, -m    why, for the history
  --by NAME        who, for the history                    (user@host)`

type Values = { redis?: string | undefined }
export type Changing = Values & {
  json: boolean
  yes: boolean
  'dry-run': boolean
  comment?: string | undefined
  by?: string | undefined
}

/** The store, for as long as something is done with it. What is refused or overtaken is said, and is exit code 1. */
export async function atStore(
  { redis = process.env.LLM_GATEWAY_REDIS_URL }: Values,
  work: (store: PolicyStore) => Promise<number>,
): Promise<number> {
  if (!redis) throw new UsageError('There is no Redis to ask: say --redis URL, or set LLM_GATEWAY_REDIS_URL.')
  if (!/^rediss?:\/\//.test(redis)) throw new UsageError('--redis must be a redis:// or rediss:// address.')
  const store = openPolicyStore({ redis })
  try {
    return await work(store)
  } catch (error) {
    if (error instanceof PolicyConflict) return tell(`Conflict: ${plainLines(error.message)}`)
    if (error instanceof GatewayOptionsError) return tell(`Refused:\n${indented(error.message)}`)
    throw error
  } finally {
    store.close()
  }
}

type State = Pick<Change, 'policy' | 'switches'>
/** The next state, from the one that is in force. */
type Next = (now: State) => State

/** Shows what would change, asks, and has it done: from what was shown, so that nobody's change is lost on the way. */
export async function change(
  store: PolicyStore,
  values: Changing,
  next: Next,
  make: (note: ChangeInfo & { base: number }) => Promise<AppliedChange>,
): Promise<number> {
  const standing = await store.read()
  const { version, change: whole, broken, last } = standing
  const paint = painter(process.stderr)
  const now = whole ?? last ?? { switches: {} }
  const then = next(now)
  const changes = differences(seen(now), seen(then))
  const repairs = whole === undefined && (broken !== undefined || last !== undefined)
  if (changes.length === 0 && !repairs)
    return done(values, { version, changed: false, changes }, 'Nothing would change.')
  if (repairs) process.stderr.write(`${standingLine(standing, paint)}\n`)
  const lines = diffLines(visible(now, then, changes), paint)
  if (!values.json || !values.yes) process.stderr.write(`${lines.join('\n')}\n`)
  for (const problem of await unpricedChoices(inForce(then)))
    process.stderr.write(`${paint('yellow', `Beware: ${plain(problem)}`)}\n`)
  if (values['dry-run'])
    return done(values, { version, changed: false, changes }, 'Nothing was changed: this was a dry run.')
  if (!values.yes && !(await agrees(paint))) return tell('Nothing was changed.')
  const { by = operator(), comment } = values
  const made = await make({
    by: by.slice(0, 100),
    base: version,
    ...(comment === undefined ? {} : { comment }),
  })
  return done(values, { version: made.version, changed: true, told: made.notified, changes }, sentence(made))
}

/** What processes go by: the policy, with what is switched laid over it. */
const inForce = (state: State): Policy =>
  applySwitches({ version: 0, policy: policyInForce(state), switches: state.switches })

/** What changes for processes: where no policy was live, they had one of their own. */
function visible(now: State, then: State, changes: Difference[]): Difference[] {
  if (now.policy !== undefined || then.policy === undefined) return changes
  process.stderr.write(
    `No policy was live so far. Compared with ${process.env.LLM_GATEWAY_POLICY ? 'the file in LLM_GATEWAY_POLICY' : "HotDash's own"}:\n`,
  )
  return differences(seen({ ...now, policy: policyInForce(now) }), seen(then))
}

const sentence = ({ version, notified: told }: AppliedChange) =>
  `Version ${version} is in force. ${told === 0 ? 'No process was listening: those that run look once a minute.' : `Told ${told === 1 ? 'one process' : `${told} processes`}.`}`

function done({ json }: Changing, result: object, words: string): number {
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else process.stderr.write(`${words}\n`)
  return 0
}

async function agrees(paint: Paint): Promise<boolean> {
  const { stdin, stderr } = process
  if (!stdin.isTTY || !stderr.isTTY)
    throw new UsageError('There is no terminal to ask at: say --yes, or --dry-run to see what would change.')
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    const answer = await terminal.question(
      paint('bold', 'Put this in force for all agents at this Redis? [y/N] '),
    )
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}

function operator(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return hostname()
  }
}

/** What names are checked against: the live policy, or what a process with this environment would go by. */
export function policyInForce(change: Pick<Change, 'policy'> | undefined): Policy {
  return change?.policy ?? loadPolicy(process.env.LLM_GATEWAY_POLICY || undefined)
}

export function tell(text: string): number {
  process.stderr.write(`${text}\n`)
  return 1
}

const plainLines = (text: string) => text.split('\n').map(plain).join('\n')
const indented = (text: string) => plainLines(text).replace(/^/gm, '  ')
