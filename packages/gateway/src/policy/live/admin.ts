import { GatewayOptionsError } from '../../core/options-error.ts'
import type { Policy } from '../../core/policy.ts'
import type { RedisClient } from '../../redis/connect.ts'
import { createRedisConnection } from '../../redis/connection.ts'
import { checkPolicy } from '../load.ts'
import { type Change, changeOf, checkSwitches, harmless, MAX_VERSION } from './change.ts'
import { type Difference, differences } from './diff.ts'
import type { Switches } from './live.ts'
import { type Ask, find, put, remembered } from './store.ts'

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
  close: () => void
}

/** Thrown when another operator changed the policy first. Nothing was changed. */
export class PolicyConflict extends Error {
  override name = 'PolicyConflict' as const
  readonly code = 'gateway_policy_conflict' as const
  readonly base: number
  /** The state now in force. */
  readonly standing: PolicyState
  /** Differences made by the other change. */
  readonly changes: Difference[]

  constructor(base: number, standing: PolicyState, changes: Difference[]) {
    super(messageOf(base, standing, changes))
    this.base = base
    this.standing = standing
    this.changes = changes
  }
}

const DEADLINES = { deadlineMs: 5_000, connectMs: 5_000 }
const EVERYTHING = { switches: {} }

/** @param vet Returns further problems of a policy to push, one line per invalid field. */
export function createPolicyStore(
  redis: string | RedisClient,
  vet: (policy: Policy) => Promise<string[]>,
): PolicyStore {
  const link = createRedisConnection(redis, { ...DEADLINES, onChange: () => undefined })
  const ask: Ask = link.run

  async function read(): Promise<PolicyState> {
    const { version, text = '' } = await find(ask, 0)
    if (version < 0)
      return await lacking({ version: 0, broken: 'what lies in its place is not a live policy' })
    if (version === 0) return await lacking({ version: 0 })
    try {
      return { version, change: changeOf(text, version) }
    } catch (error) {
      if (error instanceof GatewayOptionsError) return await lacking({ version, broken: error.message })
      throw error
    }
  }

  async function lacking(standing: PolicyState): Promise<PolicyState> {
    const [last] = await history()
    return { ...standing, ...(last && { last }) }
  }

  async function history(): Promise<Change[]> {
    return (await remembered(ask)).flatMap(readable)
  }

  async function change(
    what: string,
    next: (now: Pick<Change, 'policy' | 'switches'>) => Pick<Change, 'policy' | 'switches'>,
    { by = 'a program', comment, base }: ChangeInfo = {},
  ): Promise<AppliedChange> {
    const standing = await read()
    if (base !== undefined && base !== standing.version) throw await conflict(base)
    if (standing.version >= MAX_VERSION)
      throw new Error(
        `Version ${standing.version} in Redis leaves no room for another: delete the key gw:{policy}:live.`,
      )
    const now = new Date()
    const made: Change = {
      version: Math.max(versionAt(now), standing.version + 1),
      at: now.toISOString(),
      by,
      ...(comment === undefined || comment === '' ? {} : { comment }),
      what,
      ...next(standing.change ?? standing.last ?? EVERYTHING),
    }
    const told = await put(ask, standing.version, made)
    if (told === undefined) throw await conflict(standing.version)
    return { ...made, notified: told }
  }

  async function conflict(base: number): Promise<PolicyConflict> {
    const standing = await read()
    const before = base === 0 ? EVERYTHING : (await history()).find(({ version }) => version === base)
    const now = standing.change ?? EVERYTHING
    return new PolicyConflict(
      base,
      standing,
      before === undefined ? [] : differences(seen(before), seen(now)),
    )
  }

  return {
    read,
    history,
    check: checked,
    async push(policy, note) {
      const whole = checked(policy)
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
      return differences(seen(now), seen({ ...now, ...next }))
    },
    close: link.close,
  }
}

function checked(policy: unknown): Policy {
  harmless(policy, 0)
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
const seen = ({ policy, switches }: Pick<Change, 'policy' | 'switches'>) => ({ ...policy, switches })

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
      : `${change.by} was faster: version ${version} (${change.what}, ${change.at})`
  const comment = change?.comment === undefined ? '' : ` "${change.comment}"`
  const what = changes.map(
    ({ path, from, to }) => `\n  ${path}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`,
  )
  return `${start}${comment}. Nothing was changed.${what.join('')}`
}
