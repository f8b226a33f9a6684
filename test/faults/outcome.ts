import { createHash } from 'node:crypto'
import type { Gateway } from '@hotdash/llm-gateway'
import { fresh, KEY } from './calls.ts'
import { inTime, type Outcome, type Trial, upstream } from './kit.ts'

export const keys = [createHash('sha256').update(KEY).digest('hex')]
export const models = { 'gpt-4o-mini': { input: 1, output: 1, cachedInput: 1, maxOutput: 1_000 } }

/** Room for two worst cases at the priority tier, which is assumed at first: one that stays held would leave no room for the last call. */
export const LIMITS = { usdPerDay: 0.004, tpm: 1_000_000, rpm: 10_000 }
export const limited = {
  policy: {
    models,
    defaultServiceTier: 'default' as const,
    teams: { t: { agents: ['support'], keys, ...LIMITS } },
  },
}

/** Where the gateway's headers may still be in a request: nothing can be sent after a fault there. */
const BEFORE_ALL =
  /^(http\/clean-request\.ts|operations\/canonical-url\.ts|core\/call-state\.ts:\d+ isMarked|util\/keep-alive\.ts|identify\/headers\.ts:\d+ (hasGatewayHeaders|withoutGatewayHeaders|callback)|http\/fetch\.ts:\d+ (gatewayFetch|answer))/

/** The way out, whose faults are those of a connection, and the way back: an answer that its caller has, and reads. */
const OUTSIDE =
  /^(http\/pass-through\.ts:\d+ (send|transmit)|upstream\/(dispatch\.ts|request\.ts:\d+ globalFetch)|http\/respond\.ts:\d+ respond|body\/(refusal-response|layered-headers|buffered-response)\.ts)/

export const mayLose = (point: string) => BEFORE_ALL.test(point) || OUTSIDE.test(point)

/** It may not have reached upstream yet when its caller was told. */
const wasSent = ({ sent, message = '' }: Outcome) =>
  sent > 0 || message.includes('after the request was sent')

/** Where nothing binds a caller: its request left, or an answer came. */
export function checkNoneLost({ outcomes }: Trial, point: string) {
  for (const outcome of outcomes)
    if (outcome.status !== 200 && !wasSent(outcome) && !mayLose(point))
      throw new Error(`${outcome.status} ${outcome.code}, and nothing was sent`)
}

export function checkNoneSent({ outcomes }: Trial) {
  for (const { status, sent } of outcomes) {
    if (sent > 0) throw new Error('it was sent')
    if (status === 200) throw new Error('it was answered')
  }
}

/** Under limits: refused or answered. */
export function checkRefusals({ outcomes }: Trial, point: string) {
  for (const [at, { status, code, sent }] of outcomes.entries()) {
    // What was sent, and of whose answer nothing is known, is booked at its worst.
    const isBooked = outcomes.slice(0, at).some((earlier) => earlier.status !== 200 && wasSent(earlier))
    // Of a limit in Redis nothing can be known after a fault on the way there.
    const mayRefuse =
      code === 'gateway_fault' ||
      code === 'gateway_quota_unavailable' ||
      (isBooked && code === 'gateway_daily_usd_exceeded')
    if (status !== 200 && status !== 'lost' && !mayRefuse) throw new Error(`${status} ${code}`)
    if (status === 'lost' && sent === 0 && !mayLose(point)) throw new Error('lost')
  }
}

/** No hold is left: there is room for what would not fit beside one. */
export async function checkRoom(gateway: Gateway) {
  for (let times = 0; times < 2; times += 1) {
    const { status } = await inTime(fresh(gateway, upstream.baseURL, { n: 1 }), 'a call after it')
    if (status !== 200) throw new Error(`no room: ${status}`)
  }
  // Three answers at once leave no room for a hold; what is booked stands in their way until tomorrow.
  const { status, headers } = await inTime(
    fresh(gateway, upstream.baseURL, { n: 3 }),
    'a large call after it',
  )
  const isHeldUp = Number(headers.get('retry-after')) <= 1
  if (status !== 200 && (status !== 429 || isHeldUp)) throw new Error(`a hold stays: ${status}`)
}
