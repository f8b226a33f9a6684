import { createGateway, createGatewayClient, type Policy } from '@hotdash/llm-gateway'
import type OpenAI from 'openai'
import type { ClientOptions } from 'openai'
import type { RequestOptions } from 'openai/internal/request-options'
import { until } from '../../until.ts'
import { startUpstream } from '../upstream.ts'
import { answer, type Api } from './answers.ts'
import type { Ending } from './endings.ts'
import type { Credential } from './forms.ts'
import { errorSeen, plain, requestSeen } from './look.ts'
import type { Look, Operation } from './operations.ts'
import { unsigned } from './sigv4.ts'
import type { Transport } from './transports.ts'

const EXCHANGE = '/oauth/token'
export const isExchange = ({ url }: { url: string }) => url === EXCHANGE

export const WAYS = ['made', 'withOptions', 'withOptions of another', 'options of the request', 'gateway.fetch'] as const
export const PATHS = ['once', 'again', 'together'] as const

/** One meeting of all that a call depends on. */
export type Cell = {
  credential: Credential
  transport: Transport
  ending: Ending
  operation: Operation
  path: (typeof PATHS)[number]
  way: (typeof WAYS)[number]
  /** Of requests before it, so that the gateway has seen upstream answer. */
  isWarm: boolean
  maxRetries: number
  /** How often upstream does as the ending says. */
  times: number
}

/** A client, and what is done with it in the end. */
type Made = {
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

/** What the caller of each call was given, and what upstream was asked. */
export type Seen = {
  /** `asked`: requests that reached upstream meanwhile. */
  calls: { notes: [string, unknown][]; error?: unknown; asked?: number }[]
  books: ReturnType<typeof requestSeen>[]
  unsigned: (string | undefined)[]
  hadHead: boolean
}

/** Nothing listens there: the port of a service that is no longer in use. */
const UNUSED = 'http://127.0.0.1:9'
const TOKEN = {
  access_token: 'exchanged-token',
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  token_type: 'Bearer',
  expires_in: 3_600,
}

/** What is done around the making of a client. */
export type Around = <T>(work: () => T) => T

/** Runs the calls of a cell against an upstream of their own. */
export async function run(cell: Cell, make: Make, elsewhere: string, around: Around = (work) => work()): Promise<Seen> {
  const { credential, transport, ending, operation, path, isWarm, maxRetries } = cell
  const upstream = await startUpstream()
  const calls: Seen['calls'] = []
  // Who shares a call shares its ending.
  let left = path === 'together' ? Number.POSITIVE_INFINITY : cell.times
  let gone = leaving()
  let isServing = !isWarm
  upstream.serve((request, reply, entry) => {
    reply.sendDate = false
    if (entry.url === EXCHANGE)
      return reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(TOKEN))
    const api = apiOf(entry.url)
    const stream = /"stream":\s*true/.test(entry.body)
    if (!isServing || ending.serve === undefined || left <= 0) return answer(reply, api, stream)
    left -= 1
    return ending.serve({ request, reply, entry, api, stream, elsewhere, left: gone.left })
  })
  // A port that was let go may soon be another server's.
  if (ending.isClosed) upstream.close()
  const place = ending.isClosed ? { origin: UNUSED, baseURL: `${UNUSED}/v1` } : upstream
  const made = await construct(cell, make, place)
  if ('error' in made) {
    upstream.close()
    return { calls: [{ notes: [], error: made.error }], books: [], unsigned: [], hadHead: true }
  }
  const { client, close } = made
  const perRequest = credential.perRequest ? { Authorization: 'Bearer sk-request' } : {}
  const headers = { ...perRequest, ...(cell.way === 'options of the request' && { 'x-of-request': '1' }) }
  if (isWarm && !ending.isClosed) {
    const warm = client.embeddings.create({ model: 'text-embedding-3-small', input: 'warm' }, { headers })
    await warm.catch((error: unknown) => calls.push({ notes: [], error: errorSeen(error) }))
    upstream.take()
    isServing = true
  }
  let hadHead = ending.patience?.head !== true

  async function call(isLeader: boolean): Promise<Seen['calls'][number]> {
    const notes: [string, unknown][] = []
    const before = asked()
    const going = isLeader ? leaving() : gone
    gone = going
    const controller = new AbortController()
    const leaves = isLeader ? ending.leaves : undefined
    const reached = (at: string) => () => {
      if (at === 'head') hadHead = true
      if (leaves === at || (leaves === 'first' && !operation.stream && at === 'head')) controller.abort()
    }
    if (leaves === 'before') controller.abort()
    const look: Look = {
      note: (what, value) => void notes.push([what, plain(value)]),
      head: reached('head'),
      first: reached('first'),
    }
    const options: RequestOptions = {
      headers,
      signal: controller.signal,
      ...(cell.way === 'options of the request' && { maxRetries }),
      ...(ending.patience && isLeader && { timeout: ending.patience.ms }),
    }
    try {
      const running = operation.run(client, options, look)
      if (leaves === 'asked')
        await Promise.race([running, until(() => asked() > 0, 'the request arrives').then(() => controller.abort())])
      await running
    } catch (error) {
      return { notes, error: errorSeen(error), asked: asked() - before }
    } finally {
      if (isLeader) going.leave()
    }
    return { notes, asked: asked() - before }
  }
  const asked = () => upstream.entries.filter(({ url }) => url !== EXCHANGE).length

  if (path === 'together') calls.push(...(await Promise.all([call(true), call(ending.leaves === undefined && ending.patience === undefined)])))
  else calls.push(await call(true))
  if (path === 'again') calls.push(await call(true))
  const entries = upstream.take()
  await close()
  upstream.close()
  const isSigned = credential.isSigned === true
  return {
    calls,
    books: entries.map((entry) => requestSeen(entry, isSigned, made.isLate === true && transport.global === 'after')),
    unsigned: isSigned ? await Promise.all(entries.map(unsigned)) : [],
    hadHead,
  }

  function construct(...[, , { origin, baseURL }]: [Cell, Make, { origin: string; baseURL: string }]) {
    try {
      const own = { maxRetries, logLevel: 'off' as const, ...credential.options(baseURL), ...transport.options() }
      const made = around(() => construction(cell, make, own, elsewhere))
      // No option changes where a token is exchanged.
      const inside = made.client as unknown as { _workloadIdentityAuth?: { tokenExchangeUrl: string } }
      if (inside._workloadIdentityAuth !== undefined)
        inside._workloadIdentityAuth.tokenExchangeUrl = `${origin}${EXCHANGE}`
      return made
    } catch (error) {
      return { error: errorSeen(error) }
    }
  }
}

/** A promise that its caller leaves, and the leaving. */
function leaving() {
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  return { left, leave }
}

/** The client as the cell's way has it come about. */
function construction({ credential, way }: Cell, make: Make, options: ClientOptions, elsewhere: string): Made {
  if (way === 'withOptions') {
    const { client, ...made } = make(credential, options, way)
    return { ...made, client: client.withOptions({ defaultHeaders: { ...options.defaultHeaders, 'x-child': '1' } }) }
  }
  if (way === 'withOptions of another') {
    const { fetch, fetchOptions } = options
    const theirs = { apiKey: 'sk-parent', ...credential.options(`${elsewhere}/v1`), defaultHeaders: { 'x-parent': '1' } }
    const { provider: _, workloadIdentity: __, ...parent } = theirs as ClientOptions
    const { client, ...made } = make(
      credential,
      { ...parent, baseURL: `${elsewhere}/v1`, ...(fetch && { fetch }), ...(fetchOptions && { fetchOptions }) },
      way,
    )
    return { ...made, client: client.withOptions(options) }
  }
  return make(credential, options, way)
}

function apiOf(url: string): Api {
  const [path = ''] = url.split('?', 1)
  if (/\/responses(\/|$)/.test(path)) return 'responses'
  if (path.endsWith('/embeddings')) return 'embeddings'
  return path.endsWith('/chat/completions') ? 'chat' : 'completions'
}
