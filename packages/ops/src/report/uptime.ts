import { probesKeyOf } from '../alerting/keys.ts'
import type { RedisClient } from '../alerting/redis.ts'

/** Probes of one address by the monitor. */
export type Uptime = { name: string; answered: number; probes: number; percent: number }

export type Availability = {
  addresses: Uptime[]
  /** Hours in which anything was probed, of the hours of the report. */
  measuredHours: number
  hours: number
}

const HOUR_MS = 3_600_000
const KEYS_AT_ONCE = 200

/** Reads the results of probes that the monitor keeps for 35 days, by whole hours (UTC). @throws the error of Redis */
export async function readAvailability(
  client: RedisClient,
  since: number,
  until: number,
): Promise<Availability> {
  const [first, end] = [Math.floor(since / HOUR_MS), Math.ceil(until / HOUR_MS)]
  const hours = Array.from({ length: end - first }, (_, at) => first + at)
  const found: Record<string, string>[] = []
  for (let at = 0; at < hours.length; at += KEYS_AT_ONCE)
    found.push(
      ...(await Promise.all(
        hours.slice(at, at + KEYS_AT_ONCE).map((hour) => client.hgetall(probesKeyOf(hour))),
      )),
    )
  return availabilityOf(found)
}

/** Adds up the hashes of hours. Fields that are not the monitor's are ignored. */
export function availabilityOf(hours: readonly Record<string, string>[]): Availability {
  const sums = new Map<string, { answered: number; probes: number }>()
  let measuredHours = 0
  for (const hour of hours) {
    let isMeasured = false
    for (const [field, text] of Object.entries(hour)) {
      const [, name, kind] = /^(.+):(ok|all)$/s.exec(field) ?? []
      if (name === undefined || !/^\d{1,12}$/.test(text)) continue
      const sum = sums.get(name) ?? { answered: 0, probes: 0 }
      sums.set(name, sum)
      if (kind === 'ok') sum.answered += Number(text)
      else sum.probes += Number(text)
      isMeasured = true
    }
    if (isMeasured) measuredHours += 1
  }
  const addresses = [...sums]
    .filter(([, { probes }]) => probes > 0)
    .map(([name, { answered, probes }]) => ({
      name,
      answered,
      probes,
      percent: (100 * Math.min(answered, probes)) / probes,
    }))
    .toSorted((one, other) => one.percent - other.percent || (one.name < other.name ? -1 : 1))
  return { addresses, measuredHours, hours: hours.length }
}
