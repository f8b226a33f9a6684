import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { llmGateway, type Ran } from '../command.ts'
import { startSmtp, type TestSmtp } from '../monitor/smtp.ts'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { type Supabase, startSupabase } from '../supabase/server.ts'
import { usualWeek } from './week.ts'

export const folder = mkdtempSync(join(tmpdir(), 'gateway-report-'))
export const config = join(folder, 'monitor.json')
/** Those of the running file. */
export let supabase: Supabase
export let redis: RedisServer
export let smtp: TestSmtp

/** Supabase with the calls of a week, Redis and a mail server. */
export async function start() {
  supabase = await startSupabase()
  redis = await startRedis()
  smtp = await startSmtp()
  await supabase.sql(usualWeek())
}

export async function stop() {
  await supabase?.close()
  await redis?.close()
  await smtp?.close()
  rmSync(folder, { recursive: true, force: true })
}

/** No mails yet, which are accepted, and no settings. */
export function reset() {
  smtp.become('accept')
  smtp.mails.length = 0
  configure({})
}

export const configure = (report: object) =>
  writeFileSync(
    config,
    JSON.stringify({
      timezone: 'America/Chicago',
      mail: {
        from: 'LLM gateway <report@example.com>',
        to: ['ceo@example.com', 'ops@example.com'],
        timeoutSeconds: 60,
        retrySeconds: 0.05,
      },
      report,
    }),
  )

export const environment = (more: Record<string, string> = {}) => ({
  SUPABASE_URL: supabase.url,
  SUPABASE_SECRET_KEY: supabase.keys.secret,
  LLM_GATEWAY_SMTP_URL: smtp.url,
  ...more,
})

export const WEEK = ['--from', '2026-11-23', '--to', '2026-11-29']
export const report = (args: string[], more: Record<string, string> = {}): Promise<Ran> =>
  llmGateway(['report', '--config', config, ...args], environment(more))
