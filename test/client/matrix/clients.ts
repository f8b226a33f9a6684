import { createGateway, createGatewayClient, type Policy } from '@hotdash/llm-gateway'
import type OpenAI from 'openai'
import type { ClientOptions } from 'openai'
import type { Ending } from './endings.ts'
import type { Credential } from './forms.ts'
import type { Operation } from './operations.ts'
import type { Transport } from './transports.ts'

export const EXCHANGE = '/oauth/token'
export const isExchange = ({ url }: { url: string }) => url === EXCHANGE

export const WAYS = [
  'made',
  'withOptions',
  'withOptions of another',
  'options of the request',
  'gateway.fetch',
] as const
export const PATHS = ['once', 'again', 'together'] as const

/** One combination of everything that a call depends on. */
export type Cell = {
  credential: Credential
  transport: Transport
  ending: Ending
  operation: Operation
  path: (typeof PATHS)[number]
  way: (typeof WAYS)[number]
  /** Whether a request before it has shown the gateway that upstream answers. */
  isWarm: boolean
  maxRetries: number
  /** How often upstream does as the ending says. */
  times: number
}

/** A client, and what is done with it in the end. */
export type Made = {
  client: OpenAI
  close: () => Promise<unknown>
  /** A `fetch` of the whole program is looked up at each call, and not when the client is made: a row of the page. */
  isLate?: true
}
export type Make = (credential: Credential, options: ClientOptions, way: Cell['way']) => Made

export const bare: Make = ({ of }, options) => ({ client: new of(options), close: async () => undefined })

export const ours =
  (policy: Policy): Make =>
  ({ of }, options, way) => {
    const gateway = { agent: 'probe', policy, redis: false } as const
    if (way !== 'gateway.fetch' && of.name === 'OpenAI') {
      const client = createGatewayClient({ ...options, gateway })
      return { client, close: () => client.gateway.close() }
    }
    const { fetch, close } = createGateway({ ...gateway, ...(options.fetch && { fetch: options.fetch }) })
    return { client: new of({ ...options, fetch }), close, isLate: true }
  }

/** Wraps the construction of a client. */
export type Around = <T>(work: () => T) => T

/** Where upstream is: for its API, and for exchanging tokens. */
export type Place = { origin: string; baseURL: string }

/** The client of a cell. */
export function clientOf(
  cell: Cell,
  make: Make,
  { origin, baseURL }: Place,
  elsewhere: string,
  around: Around,
): Made {
  const { credential, transport, maxRetries } = cell
  const options = {
    maxRetries,
    logLevel: 'off' as const,
    ...credential.options(baseURL),
    ...transport.options(),
  }
  const made = around(() => construction(cell, make, options, elsewhere))
  // No option changes where a token is exchanged.
  const inside = made.client as unknown as { _workloadIdentityAuth?: { tokenExchangeUrl: string } }
  if (inside._workloadIdentityAuth !== undefined)
    inside._workloadIdentityAuth.tokenExchangeUrl = `${origin}${EXCHANGE}`
  return made
}

/** The client as the cell's way has it come about. */
function construction(
  { credential, way }: Cell,
  make: Make,
  options: ClientOptions,
  elsewhere: string,
): Made {
  if (way === 'withOptions') {
    const { client, ...made } = make(credential, options, way)
    return {
      ...made,
      client: client.withOptions({ defaultHeaders: { ...options.defaultHeaders, 'x-child': '1' } }),
    }
  }
  if (way === 'withOptions of another') {
    const { fetch, fetchOptions } = options
    const theirs = {
      apiKey: 'sk-parent',
      ...credential.options(`${elsewhere}/v1`),
      defaultHeaders: { 'x-parent': '1' },
    }
    const { provider: _, workloadIdentity: __, ...parent } = theirs as ClientOptions
    const { client, ...made } = make(
      credential,
      {
        ...parent,
        baseURL: `${elsewhere}/v1`,
        ...(fetch && { fetch }),
        ...(fetchOptions && { fetchOptions }),
      },
      way,
    )
    return { ...made, client: client.withOptions(options) }
  }
  return make(credential, options, way)
}
