import { randomUUID } from 'node:crypto'
import { createGatewayClient, loadPolicy, type Stats, withGateway } from '@hotdash/llm-gateway'
import type { ProbeSettings } from './finding.ts'

/** Name under which the doctor's calls are recorded. */
export const DOCTOR = 'llm-gateway-doctor'

/** A call that was recorded: how to find it, what it cost, and what its sinks say. */
export type ProbeCall = { session: string; costUsd: number; sinks: Stats['sinks'] }

/** Most attempts to deliver the record. */
const FLUSHES = 3

/** Tokens of the made-up answer: at any price above zero the cost is visible. */
const USAGE = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 }

/**
 * Makes one call through the real client, with a made-up answer in place of upstream's, and delivers its record to the
 * sinks of the environment. Nothing is spent, counted or cached.
 *
 * @param writesRow whether Supabase is one of them
 */
export async function callOnce({ env, policy: path }: ProbeSettings, writesRow: boolean): Promise<ProbeCall> {
  const session = `${DOCTOR}-${randomUUID()}`
  const policy = loadPolicy(path ?? (env.LLM_GATEWAY_POLICY || undefined))
  const model = policy.routing?.default ?? 'gpt-4o-mini'
  let costUsd = 0
  const client = createGatewayClient({
    apiKey: 'sk-doctor',
    baseURL: 'https://doctor.invalid/v1',
    maxRetries: 0,
    fetch: async () => Response.json(answerOf(model)),
    gateway: {
      agent: DOCTOR,
      policy,
      mode: 'embedded',
      redis: false,
      cache: false,
      quota: false,
      ...(!writesRow && { supabase: false }),
      logger: false,
      onCall: (record) => {
        costUsd = record.costUsd ?? 0
      },
    },
  })
  try {
    await withGateway({ session }, () =>
      client.chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'Is the gateway set up?' }],
      }),
    )
    // A database that has slept answers its first request late.
    for (let tries = 1; tries <= FLUSHES && !(await client.gateway.flush()); tries += 1);
    return { session, costUsd, sinks: client.gateway.stats().sinks }
  } finally {
    await client.gateway.close()
  }
}

const answerOf = (model: string) => ({
  id: `chatcmpl-${randomUUID()}`,
  object: 'chat.completion',
  created: Math.floor(Date.now() / 1_000),
  model,
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'Its records arrive.', refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: USAGE,
})
