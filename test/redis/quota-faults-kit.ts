import { DEFAULT_WHILE_UNAVAILABLE, type Limits } from '#src/core/team-limits.ts'
import { opened } from '../closing.ts'
import { claim, limits, member, usd } from './quota-kit.ts'
import { startRedis } from './server.ts'

export const server = async (args?: string[]) => opened(await startRedis(args))
type Options = Parameters<typeof member>[1]
export const process = (url: string, options?: Options) => {
  const quota = opened(member(url, options))
  return {
    ...quota,
    take: (id: string, bound: Partial<Limits>, cost = 100) =>
      quota.reserve(claim(id, { limits: limits(bound), worstCost: usd(cost) })),
    /** Redis answers again, and the others had time to tell it what they admitted. */
    isBack: () => quota.link.stats().state === 'up' && Date.now() - quota.link.stats().since > 1_300,
  }
}

type Process = ReturnType<typeof process>

/** Returns how many of `tries` reservations were admitted. */
export async function admitted(
  who: Process,
  name: string,
  tries: number,
  bound: Partial<Limits>,
): Promise<number> {
  let count = 0
  for (let at = 0; at < tries; at += 1) if ((await who.take(`${name}${at}`, bound)).admitted) count += 1
  return count
}

/** A fifth of each limit is leased: enough to see what becomes of it. */
export const leased = { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0.2 }
