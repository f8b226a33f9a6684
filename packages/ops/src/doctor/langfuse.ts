import { setTimeout as sleep } from 'node:timers/promises'
import { ask, baseUrl } from '../supabase/http.ts'
import type { ProbeCall } from './call.ts'
import { type Finding, findingsOf, type ProbeSettings } from './finding.ts'

const { ok, warning, problem, skipped } = findingsOf('langfuse')

/** Time in which a stored trace must be found: Langfuse v3 and later answer before they store. */
const FIND_MS = 60_000
/** US dollars by which the costs may differ: Langfuse keeps them as floating-point numbers. */
const TOLERANCE_USD = 1e-9

type Server = { base: string; headers: { authorization: string } }

/** Looks at version and keys of Langfuse, and for the trace of a call with its cost. */
export async function probeLangfuse({ env }: ProbeSettings, call: ProbeCall | undefined): Promise<Finding[]> {
  const { LANGFUSE_BASE_URL: url, LANGFUSE_PUBLIC_KEY: key, LANGFUSE_SECRET_KEY: secret } = env
  const base = url ? baseUrl(url) : undefined
  if (base === undefined || !key || !secret) return [skipped('not configured')]
  const health = await ask(`${base}/api/public/health`)
  if (typeof health === 'string')
    return [
      problem(
        `cannot be reached: ${health}`,
        `fly status of its app, and its address in LANGFUSE_BASE_URL.${new URL(base).hostname.endsWith('.flycast') ? ' An address of .flycast answers through WireGuard only.' : ''}`,
      ),
    ]
  const version = (health.json as { version?: unknown } | undefined)?.version
  if (typeof version !== 'string')
    return [
      problem(
        `${new URL(base).origin} answers ${health.status}, and is no Langfuse`,
        'Check LANGFUSE_BASE_URL.',
      ),
    ]
  const server = {
    base,
    headers: { authorization: `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}` },
  }
  return [
    ok(`version ${version}`),
    ...(version.startsWith('2.')
      ? [
          warning(
            'version 2 gets no security patches',
            'Keep it private; docs/runbooks/langfuse-upgrade.md leads to version 4.',
          ),
        ]
      : []),
    ...(await probeKeys(server, version)),
    ...(call === undefined
      ? [skipped('no trace is written with --read-only')]
      : await findTrace(server, version, call)),
  ]
}

async function probeKeys(server: Server, version: string): Promise<Finding[]> {
  const answer = await ask(listUrl(server, version, 'none'), { headers: server.headers })
  if (typeof answer === 'string')
    return [problem(`its API does not answer: ${answer}`, 'fly logs of its app.')]
  if (answer.status === 200) return [ok('accepts the keys')]
  const fix =
    answer.status === 401
      ? 'LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY must be those of its project settings: llm-gateway secrets set.'
      : 'fly logs of its app.'
  return [problem(`answers ${answer.status} to the keys`, fix)]
}

async function findTrace(server: Server, version: string, call: ProbeCall): Promise<Finding[]> {
  const sink = call.sinks?.langfuse
  if (sink === undefined || sink.delivered === 0)
    return [
      problem(
        `takes no record: ${sink?.lastError ?? 'the sink is off'}`,
        'docs/langfuse.md, section Failures.',
      ),
    ]
  const deadline = Date.now() + FIND_MS
  for (;;) {
    const costs = await costsOf(server, version, call.session)
    if (costs !== undefined && costs.length > 0) return [costFinding(costs, call.costUsd)]
    if (Date.now() > deadline)
      return [
        problem(
          `accepted a trace, and does not show it after ${FIND_MS / 1_000} s`,
          'Its worker and its storage: docs/runbooks/langfuse-upgrade.md, section Check.',
        ),
      ]
    await sleep(500)
  }
}

function costFinding(costs: number[], expected: number): Finding {
  const total = costs.reduce((sum, cost) => sum + cost, 0)
  return Math.abs(total - expected) <= TOLERANCE_USD
    ? ok(`a trace arrived, with its cost of $${expected}`)
    : problem(
        `a trace arrived with a cost of $${total}, not $${expected}`,
        'Report it with the version of Langfuse.',
      )
}

/** Returns the costs of the traces of a session; `undefined` where the server does not answer. */
async function costsOf(server: Server, version: string, session: string): Promise<number[] | undefined> {
  const answer = await ask(listUrl(server, version, session), { headers: server.headers })
  if (typeof answer === 'string' || answer.status !== 200) return undefined
  const { data } = answer.json as { data?: { totalCost?: number | null }[] }
  return data?.map(({ totalCost }) => totalCost ?? 0)
}

/** Version 4 has observations only; earlier ones have traces, whose observations add up. */
function listUrl({ base }: Server, version: string, session: string): string {
  const limit = '10'
  if (Number.parseInt(version, 10) < 4)
    return `${base}/api/public/traces?${new URLSearchParams({ sessionId: session, limit }).toString()}`
  const filter = JSON.stringify([{ type: 'string', column: 'sessionId', operator: '=', value: session }])
  const query = new URLSearchParams({ fields: 'core,basic,usage', limit, filter })
  return `${base}/api/public/v2/observations?${query.toString()}`
}
