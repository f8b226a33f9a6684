import { expect } from 'vitest'

/** What came of a call: its value, or its error with everything an agent may look at. */
export type Outcome = { value: unknown } | { error: Failure }

export type Failure = {
  class: string
  message: string
  headers: Record<string, string> | undefined
  fields: Record<string, unknown>
  cause: string | undefined
}

/** Of another exchange, or the gateway's own. */
const VARIES = /^(x-gateway-|x-request-id$|date$)/

export function steady(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !VARIES.test(name)))
}

const FIELDS = ['status', 'code', 'type', 'param', 'error', 'name'] as const

export async function outcomeOf(run: () => PromiseLike<unknown>): Promise<Outcome> {
  try {
    return { value: await run() }
  } catch (thrown) {
    return { error: failureOf(thrown) }
  }
}

export function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof Error)) return { ...BLANK, message: String(thrown) }
  const raw = thrown as Error & { headers?: Headers } & Partial<Record<(typeof FIELDS)[number], unknown>>
  const { cause } = raw
  return {
    class: thrown.constructor.name,
    message: thrown.message,
    headers: raw.headers instanceof Headers ? steady(raw.headers) : undefined,
    fields: Object.fromEntries(FIELDS.map((name) => [name, raw[name]])),
    cause: cause instanceof Error ? `${cause.constructor.name}: ${cause.message}` : undefined,
  }
}

const BLANK: Failure = {
  class: 'not an Error',
  message: '',
  headers: undefined,
  fields: {},
  cause: undefined,
}

/** The error of an outcome that must be one. */
export function errorOf(outcome: Outcome): Failure {
  if ('error' in outcome) return outcome.error
  return expect.fail(`no error, but ${JSON.stringify(outcome.value)}`)
}
