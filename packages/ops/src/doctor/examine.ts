import type { ProbeCall } from './call.ts'
import { probeEnvironment } from './environment.ts'
import { type Area, type Finding, findingsOf, type ProbeSettings } from './finding.ts'
import { probeLangfuse } from './langfuse.ts'
import { probeMail } from './mail.ts'
import { probeClock, probeNetwork, probeServe } from './network.ts'
import { probePolicy } from './policy.ts'
import { probeRedis } from './redis.ts'
import { isState, probeSupabase, readState } from './supabase.ts'
import { probeUpstream } from './upstream.ts'

/** Looks at all areas, most of them at the same time. Order of the findings: as the areas are listed. */
export async function examine(settings: ProbeSettings): Promise<Finding[]> {
  const { env, readOnly } = settings
  const hasSinks = Boolean(env.LANGFUSE_BASE_URL || env.SUPABASE_URL)
  const policy = await guarded('policy', () => probePolicy(settings))
  const isPolicyValid = policy.every(({ level }) => level !== 'problem')
  const state = await readState(settings)
  const { call, refused }: Called =
    readOnly || !hasSinks || !isPolicyValid ? {} : await callGuarded(settings, isState(state))
  const groups = await Promise.all([
    guarded('environment', () => probeEnvironment(settings)),
    refused === undefined ? [] : [findingsOf('environment').problem(refused, 'Correct this variable.')],
    policy,
    guarded('redis', () => probeRedis(settings)),
    guarded('upstream', () => probeUpstream(settings)),
    guarded('langfuse', () => probeLangfuse(settings, call)),
    guarded('supabase', () => probeSupabase(settings, state, call)),
    guarded('mail', () => probeMail(settings)),
    guarded('serve', () => probeServe(settings)),
    guarded('network', () => probeNetwork(settings)),
    guarded('clock', () => probeClock(settings)),
  ])
  return groups.flat()
}

type Called = { call?: ProbeCall; refused?: string }

/** Makes the call, unless the client refuses a variable. Without a way to remove its row, no row is written. */
async function callGuarded(settings: ProbeSettings, writesRow: boolean): Promise<Called> {
  const { callOnce } = await import('./call.ts')
  try {
    return { call: await callOnce(settings, writesRow) }
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'gateway_bad_options') throw error
    return { refused: (error as Error).message }
  }
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
