import type { ProbeCall } from './call.ts'
import { probeEnvironment } from './environment.ts'
import { type Area, type Finding, findingsOf, type ProbeSettings } from './finding.ts'
import { probeLangfuse } from './langfuse.ts'
import { probeClock, probeNetwork, probeServe } from './network.ts'
import { probePolicy } from './policy.ts'
import { probeRedis } from './redis.ts'
import { probeSupabase } from './supabase.ts'
import { probeUpstream } from './upstream.ts'

/** Looks at all areas, most of them at the same time. Order of the findings: as the areas are listed. */
export async function examine(settings: ProbeSettings): Promise<Finding[]> {
  const { env, readOnly } = settings
  const hasSinks = Boolean(env.LANGFUSE_BASE_URL || env.SUPABASE_URL)
  const policy = await guarded('policy', () => probePolicy(settings))
  const isPolicyValid = policy.every(({ level }) => level !== 'problem')
  const call: ProbeCall | undefined =
    readOnly || !hasSinks || !isPolicyValid ? undefined : await (await import('./call.ts')).callOnce(settings)
  const groups = await Promise.all([
    guarded('environment', () => probeEnvironment(settings)),
    policy,
    guarded('redis', () => probeRedis(settings)),
    guarded('upstream', () => probeUpstream(settings)),
    guarded('langfuse', () => probeLangfuse(settings, call)),
    guarded('supabase', () => probeSupabase(settings, call)),
    guarded('serve', () => probeServe(settings)),
    guarded('network', () => probeNetwork(settings)),
    guarded('clock', () => probeClock(settings)),
  ])
  return groups.flat()
}

/** A probe that fails itself is a finding, so that the others are still seen. */
async function guarded(area: Area, probe: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await probe()
  } catch (error) {
    const { problem } = findingsOf(area)
    return [problem(`could not be looked at: ${(error as Error).message}`, 'Report it, with this message.')]
  }
}
