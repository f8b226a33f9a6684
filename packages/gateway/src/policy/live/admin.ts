import { GatewayOptionsError } from '../../core/options-error.ts'
import type { Policy } from '../../core/policy.ts'
import type { IoredisClient } from '../../redis/connect.ts'
import { createRedisConnection } from '../../redis/connection.ts'
import { isInstance } from '../../util/error-text.ts'
import { checkPolicy } from '../load.ts'
import { type Change, changeOf, checkSwitches, MAX_VERSION, rejectUnsafe } from './change.ts'
import { type Difference, differences } from './diff.ts'
import type { Switches } from './live.ts'
import { askWho, type Presence } from './presence.ts'
import { type Run, readChange, readHistory, writeChange } from './store.ts'

/** State in Redis. `version` 0 without `change`: no live change was ever made, or it is gone. */
export type PolicyState = {
  version: number
  change?: Change
  /** Why processes ignore the stored change. The next change replaces it. */
  broken?: string
  /** If `change` is absent or invalid: the newest valid one, which running processes may still follow. */
  last?: Change
}

/** Author, reason and base of a change. */
export type ChangeInfo = {
  /** At most 100 characters. @default 'a program' */
  by?: string
  /** At most 500 characters. */
  comment?: string
  /** Version that the change is based on; a different current version is a conflict. @default the current version */
  base?: number
}

/** `notified`: number of subscribed processes, where Redis is one server. */
export type AppliedChange = Change & { notified: number }

/**
 * Reads and changes the live policy of all processes that share a Redis. Every change is applied completely or not at
 * all.
 */
export type PolicyStore = {
  read: () => Promise<PolicyState>
  /** Returns the last 50 changes, newest first; fewer if they are large. Leaves out those that cannot be parsed. */
  history: () => Promise<Change[]>
  /** Validates a policy as `push` would. @throws GatewayOptionsError naming each invalid field. */
  check: (policy: unknown) => Policy
  /** Puts a policy in force. Switches stay. @throws GatewayOptionsError naming each invalid field. */
  push: (policy: Policy, note?: ChangeInfo) => Promise<AppliedChange>
  /** Returns each process to its own policy. Switches stay. */
  clear: (note?: ChangeInfo) => Promise<AppliedChange>
  /** Replaces the switches by the result of `change`. @throws GatewayOptionsError naming each invalid field. */
  switch: (change: (switches: Switches) => Switches, note?: ChangeInfo) => Promise<AppliedChange>
  /** Restores the state at a version; `keepSwitches`: its policy only. @default the version before this one */
  rollback: (to?: number, note?: ChangeInfo & { keepSwitches?: boolean }) => Promise<AppliedChange>
  /** Lists the differences between the current state and this one, by field. */
  diff: (next: { policy?: Policy; switches?: Switches }) => Promise<Difference[]>
  /**
   * Asks the running gateways that follow this policy who they are, for `waitMs` milliseconds at most. Those that Redis
   * forbids to publish do not answer, but count as asked.
   *
   * @default waitMs 2000
   */
  processes: (waitMs?: number) => Promise<Presence>
  close: () => void
}

/** Thrown when another operator changed the policy first. Nothing was changed. */
export class PolicyConflict extends Error {
  override name = 'PolicyConflict' as const
  readonly code = 'gateway_policy_conflict' as const
  readonly base: number
  /** The state now in force. */
  readonly state: PolicyState
  /** Differences made by the other change. */
  readonly changes: Difference[]

  constructor(base: number, state: PolicyState, changes: Difference[]) {
    super(messageOf(base, state, changes))
    this.base = base
    this.state = state
    this.changes = changes
  }
}

const DEADLINES = { deadlineMs: 5_000, connectMs: 5_000 }
const EVERYTHING = { switches: {} }

/** @param vet Returns further problems of a policy to push, one line per invalid field. */
export function createPolicyStore(
  redis: string | IoredisClient,
  vet: (policy: Policy) => Promise<string[]>,
): PolicyStore {
  const connection = createRedisConnection(redis, { ...DEADLINES, onChange: () => undefined })
  const run: Run = connection.run

  async function read(): Promise<PolicyState> {
    const { version, text = '' } = await readChange(run, 0)
    if (version < 0)
      return await withLast({ version: 0, broken: 'the key gw:{policy}:live holds no live policy' })
    if (version === 0) return await withLast({ version: 0 })
    try {
      return { version, change: changeOf(text, version) }
    } catch (error) {
      if (isInstance(error, GatewayOptionsError)) return await withLast({ version, broken: error.message })
      throw error
    }
  }

  async function withLast(state: PolicyState): Promise<PolicyState> {
    const [last] = await history()
    return { ...state, ...(last && { last }) }
  }

  async function history(): Promise<Change[]> {
    return (await readHistory(run)).flatMap(readable)
  }

  async function change(
    what: string,
    next: (now: Pick<Change, 'policy' | 'switches'>) => Pick<Change, 'policy' | 'switches'>,
    { by = 'a program', comment, base }: ChangeInfo = {},
  ): Promise<AppliedChange> {
    const state = await read()
    if (base !== undefined && base !== state.version) throw await conflict(base)
    if (state.version >= MAX_VERSION)
      throw new Error(
        `Version ${state.version} in Redis leaves no room for another: delete the key gw:{policy}:live.`,
      )
    const now = new Date()
    const made: Change = {
      version: Math.max(versionAt(now), state.version + 1),
      at: now.toISOString(),
      by,
      ...(comment === undefined || comment === '' ? {} : { comment }),
      what,
      ...next(state.change ?? state.last ?? EVERYTHING),
    }
    const notified = await writeChange(run, state.version, made)
    if (notified === undefined) throw await conflict(state.version)
    return { ...made, notified }
  }

  async function conflict(base: number): Promise<PolicyConflict> {
    const state = await read()
    const before = base === 0 ? EVERYTHING : (await history()).find(({ version }) => version === base)
    const now = state.change ?? EVERYTHING
    return new PolicyConflict(
      base,
      state,
      before === undefined ? [] : differences(visibleFields(before), visibleFields(now)),
    )
  }

  return {
    read,
    history,
    check: validPolicy,
    async push(policy, note) {
      const whole = validPolicy(policy)
      const problems = await vet(whole)
      if (problems.length > 0) throw new GatewayOptionsError(problems.join('\n'))
      return await change('push', ({ switches }) => ({ policy: whole, switches }), note)
    },
    clear: (note) => change('clear', ({ switches }) => ({ switches }), note),
    switch: (turn, note) =>
      change(
        'switch',
        ({ policy, switches }) => ({
          ...(policy && { policy }),
          switches: checkSwitches(turn(structuredClone(switches))),
        }),
        note,
      ),
    async rollback(to, note) {
      const changes = await history()
      const { version } = await read()
      const then = changes.find((change) =>
        to === undefined ? version === 0 || change.version < version : change.version === to,
      )
      if (then === undefined) throw new GatewayOptionsError(unknownVersion(to, changes))
      const { policy, switches } = then
      return await change(
        `rollback to ${then.version}`,
        (now) => ({ ...(policy && { policy }), switches: note?.keepSwitches ? now.switches : switches }),
        { base: version, ...note },
      )
    },
    async diff(next) {
      const { change: now = EVERYTHING } = await read()
      return differences(visibleFields(now), visibleFields({ ...now, ...next }))
    },
    processes: (waitMs = 2_000) => askWho(connection, waitMs),
    close: connection.close,
  }
}

function validPolicy(policy: unknown): Policy {
  rejectUnsafe(policy, 0)
  return checkPolicy(policy, '')
}

const readable = (text: string): Change[] => {
  try {
    const { version } = JSON.parse(text) as { version: number }
    return [changeOf(text, version)]
  } catch {
    return []
  }
}

/** Returns policy fields by their names, and switches under `switches`. */
const visibleFields = ({ policy, switches }: Pick<Change, 'policy' | 'switches'>) => ({ ...policy, switches })

/** Two lifetimes of a flushed Redis, and two clocks that are nearly right, never share a version. */
const versionAt = (now: Date): number => Number(now.toISOString().replace(/\D/g, '').slice(0, 14))

function unknownVersion(to: number | undefined, changes: Change[]): string {
  if (to === undefined) return 'there is no version before this one'
  const known = changes.slice(0, 5).map(({ version }) => version)
  return `there is no version ${to}${known.length > 0 ? `; the last were ${known.join(', ')}` : ''}`
}

function messageOf(base: number, { version, change }: PolicyState, changes: Difference[]): string {
  const start =
    change === undefined
      ? `Version ${base} is gone, and ${version === 0 ? 'nothing' : `version ${version}`} is in its place`
      : `${change.by} changed the policy first: version ${version} (${change.what}, ${change.at})`
  const comment = change?.comment === undefined ? '' : ` "${change.comment}"`
  const what = changes.map(
    ({ path, from, to }) => `\n  ${path}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`,
  )
  return `${start}${comment}. Nothing was changed.${what.join('')}`
}
