import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeLangfuse } from '@hotdash/llm-gateway-testing'
import { closeLater } from '../closing.ts'
import { llmGateway } from '../command.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'

type Finding = { area: string; level: string; text: string; fix?: string }

/** Those of the running file. */
export let redis: RedisServer
export let supabase: Supabase
export const folder = mkdtempSync(join(tmpdir(), 'doctor-'))

export async function start() {
  redis = await startRedis(['--maxmemory-policy', 'noeviction'])
  supabase = await startSupabase()
}

export async function stop() {
  await redis?.close()
  await supabase?.close()
  rmSync(folder, { recursive: true })
}

export async function doctor(env: Record<string, string>, args: string[] = []) {
  const { code, out, err } = await llmGateway(['doctor', '--dir', folder, '--json', ...args], env)
  if (out === '') throw new Error(err)
  const { findings, healthy } = JSON.parse(out) as { findings: Finding[]; healthy: boolean }
  return {
    code,
    healthy,
    out,
    problems: findings.filter(({ level }) => level === 'problem').map(({ area, text }) => `${area}: ${text}`),
    warnings: findings.filter(({ level }) => level === 'warning').map(({ area, text }) => `${area}: ${text}`),
    texts: findings.map(({ area, text }) => `${area}: ${text}`),
    findings,
  }
}

export const supabaseEnv = () => ({ SUPABASE_URL: supabase.url, SUPABASE_SECRET_KEY: supabase.keys.secret })

export async function langfuseAt(version: '2.95.12' | '4.16.0') {
  const langfuse = await startFakeLangfuse({ version })
  closeLater(() => langfuse.close())
  const { baseURL, publicKey, secretKey } = langfuse
  return {
    langfuse,
    env: { LANGFUSE_BASE_URL: baseURL, LANGFUSE_PUBLIC_KEY: publicKey, LANGFUSE_SECRET_KEY: secretKey },
  }
}
