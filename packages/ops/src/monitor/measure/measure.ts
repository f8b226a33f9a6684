import { openVault, type Vault } from '@hotdash/llm-gateway/custody'
import { openPolicyStore } from '@hotdash/llm-gateway/policy'
import { dayOf } from '../../alerting/day.ts'
import { KEYS, SPILL_KEY } from '../../alerting/keys.ts'
import type { RedisClient } from '../../alerting/redis.ts'
import { parseJson } from '../../alerting/state-store.ts'
import type { MonitorConfig } from '../../config/config.ts'
import { policyInForce } from '../../live-policy/store.ts'
import { readCalls } from './calls.ts'
import type { Measured, MonitorSign } from './measured.ts'
import { probe } from './probe.ts'

/** Age of keys changes slowly: they are read this often. */
const ROTATIONS_EVERY_MS = 600_000

export type Clock = { now: number; skewMs: number }

/** Measures what does not need Redis: addresses, from outside. */
export async function measureOutside(
  { probes, thresholds, timezone = 'UTC' }: MonitorConfig,
  now: number,
  redisTrouble: string,
): Promise<Measured> {
  const timeoutMs = thresholds.probes.timeoutSeconds * 1_000
  return {
    now,
    day: dayOf(now, timezone),
    timezone,
    windowMinutes: thresholds.windowMinutes,
    redisTrouble,
    probes: await Promise.all(probes.map((target) => probe(target, timeoutMs))),
  }
}

export type Measurer = {
  /** Measures everything. @throws the error of Redis, where it cannot be used */
  measure: (clock: Clock) => Promise<Measured>
  close: () => void
}

/** @param name this monitor's name: it does not report its own silence */
export function createMeasurer(client: RedisClient, config: MonitorConfig, name: string): Measurer {
  const store = openPolicyStore({ redis: client })
  const vault = openVault({ redis: client })
  let rotations: { at: number; rotated: Record<string, number> } | undefined

  async function measure({ now, skewMs }: Clock): Promise<Measured> {
    const outside = measureOutside(config, now, '')
    const { change, broken } = await store.read()
    const policy = policyInForce(change)
    const timezone = config.timezone ?? policy.timezone ?? 'UTC'
    const day = dayOf(now, timezone)
    if (rotations === undefined || Math.abs(now - rotations.at) > ROTATIONS_EVERY_MS)
      rotations = {
        at: now,
        rotated: await readRotations(vault, Object.keys(policy.teams ?? {}), config.lastRotated),
      }
    const [calls, waitingRows, signs] = await Promise.all([
      readCalls(client, now, day.startsAt, config.thresholds.windowMinutes),
      client.xlen(SPILL_KEY),
      readSigns(client),
    ])
    return {
      ...(await outside),
      day,
      timezone,
      calls,
      budgets: budgetsOf(policy.teams),
      policyTrouble: broken ?? '',
      waitingRows,
      monitors: signs.filter((sign) => sign.name !== name),
      clockSkewMs: skewMs,
      rotated: rotations.rotated,
    }
  }

  return {
    measure,
    close() {
      store.close()
      vault.close()
    },
  }
}

/** Returns US dollars a day by team, of the teams that have a budget. */
export function budgetsOf(
  teams: Record<string, { usdPerDay?: number | undefined }> = {},
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(teams).flatMap(([team, { usdPerDay }]) =>
      usdPerDay === undefined ? [] : [[team, usdPerDay]],
    ),
  )
}

async function readSigns(client: RedisClient): Promise<MonitorSign[]> {
  return Object.entries(await client.hgetall(KEYS.monitors)).flatMap(([name, json]) => {
    const sign = parseJson(json) as { at?: unknown } | undefined
    return typeof sign?.at === 'number' ? [{ name, at: sign.at }] : []
  })
}

/** Returns the last rotation of each secret: of sealed copies by Redis, of all others by the configuration. */
async function readRotations(
  vault: Vault,
  teams: string[],
  lastRotated: Record<string, string>,
): Promise<Record<string, number>> {
  const sealed = await Promise.all(
    teams.map(async (team) => {
      const keys = await vault.list(team)
      return keys
        .filter(({ sealedAt }) => sealedAt > 0)
        .map(({ id, sealedAt }) => [`key ${id} of ${team}`, sealedAt] as const)
    }),
  )
  const configured = Object.entries(lastRotated).map(([secret, date]) => [secret, Date.parse(date)] as const)
  return Object.fromEntries([...sealed.flat(), ...configured])
}
