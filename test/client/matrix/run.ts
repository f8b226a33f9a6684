import type OpenAI from 'openai'
import { until } from '../../until.ts'
import { startUpstream } from '../upstream.ts'
import { type Api, answer } from './answers.ts'
import { type Around, type Cell, clientOf, isExchange, type Made, type Make } from './clients.ts'
import { errorSeen, plain, requestSeen } from './look.ts'
import type { Look } from './operations.ts'
import { unsigned } from './sigv4.ts'

/** What the caller of each call was given, and what upstream was asked. */
export type Seen = {
  /** `asked`: requests that reached upstream meanwhile. */
  calls: { notes: [string, unknown][]; error?: unknown; asked?: number }[]
  books: ReturnType<typeof requestSeen>[]
  /** What is wrong with the signature of each. */
  unsigned: (string | undefined)[]
}

/** Nothing listens there: the port of a service that is no longer in use. */
const UNUSED = 'http://127.0.0.1:9'
const TOKEN = {
  access_token: 'exchanged-token',
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  token_type: 'Bearer',
  expires_in: 3_600,
}

/** Runs the calls of a cell against an upstream of their own. */
export async function run(cell: Cell, make: Make, elsewhere: string, around: Around): Promise<Seen> {
  const { credential, transport, ending, operation, path, way, isWarm, maxRetries } = cell
  const upstream = await startUpstream()
  const calls: Seen['calls'] = []
  // Calls that share a request share its ending.
  let left = path === 'together' ? Number.POSITIVE_INFINITY : cell.times
  let gone = leaving()
  let isServing = !isWarm
  upstream.serve((request, reply, entry) => {
    reply.sendDate = false
    if (isExchange(entry))
      return reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(TOKEN))
    const api = apiOf(entry.url)
    const stream = /"stream":\s*true/.test(entry.body)
    if (!isServing || ending.serve === undefined || left <= 0) return answer(reply, api, stream)
    left -= 1
    return ending.serve({ request, reply, entry, api, stream, elsewhere, left: gone.left })
  })
  // A port that is closed may soon belong to another server.
  if (ending.isClosed) upstream.close()
  const place = ending.isClosed ? { origin: UNUSED, baseURL: `${UNUSED}/v1` } : upstream
  let made: Made
  try {
    made = clientOf(cell, make, place, elsewhere, around)
  } catch (error) {
    upstream.close()
    return { calls: [{ notes: [], error: errorSeen(error) }], books: [], unsigned: [] }
  }
  const { client, close } = made
  const perRequest = credential.perRequest ? { Authorization: 'Bearer sk-request' } : {}
  const headers = { ...perRequest, ...(way === 'options of the request' && { 'x-of-request': '1' }) }
  if (isWarm && !ending.isClosed) {
    const warm = client.embeddings.create({ model: 'text-embedding-3-small', input: 'warm' }, { headers })
    await warm.catch((error: unknown) => calls.push({ notes: [], error: errorSeen(error) }))
    upstream.take()
    isServing = true
  }

  async function call(isLeader: boolean): Promise<Seen['calls'][number]> {
    const notes: [string, unknown][] = []
    const before = asked()
    const going = isLeader ? leaving() : gone
    gone = going
    const controller = new AbortController()
    const leaves = isLeader ? ending.leaves : undefined
    const reached = (at: string) => () => {
      if (leaves === at || (leaves === 'first' && !operation.stream && at === 'head')) controller.abort()
    }
    if (leaves === 'before') controller.abort()
    const look: Look = {
      note: (what, value) => void notes.push([what, plain(value)]),
      head: reached('head'),
      first: reached('first'),
    }
    const options: OpenAI.RequestOptions = {
      headers,
      signal: controller.signal,
      ...(way === 'options of the request' && { maxRetries }),
      ...(ending.patience && isLeader && { timeout: ending.patience.ms }),
    }
    try {
      const running = operation.run(client, options, look)
      if (leaves === 'asked')
        await Promise.race([
          running,
          until(() => asked() > 0, 'the request arrives').then(() => controller.abort()),
        ])
      await running
    } catch (error) {
      return { notes, error: errorSeen(error), asked: asked() - before }
    } finally {
      if (isLeader) going.leave()
    }
    return { notes, asked: asked() - before }
  }
  const asked = () => upstream.entries.filter((entry) => !isExchange(entry)).length

  if (path === 'together')
    calls.push(
      ...(await Promise.all([
        call(true),
        call(ending.leaves === undefined && ending.patience === undefined),
      ])),
    )
  else calls.push(await call(true))
  if (path === 'again') calls.push(await call(true))
  const entries = upstream.take()
  await close()
  upstream.close()
  const isSigned = credential.isSigned === true
  return {
    calls,
    books: entries.map((entry) =>
      requestSeen(entry, isSigned, made.isLate === true && transport.global === 'after'),
    ),
    unsigned: isSigned ? await Promise.all(entries.map(unsigned)) : [],
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

function apiOf(url: string): Api {
  const [path = ''] = url.split('?', 1)
  if (/\/responses(\/|$)/.test(path)) return 'responses'
  if (path.endsWith('/embeddings')) return 'embeddings'
  return path.endsWith('/chat/completions') ? 'chat' : 'completions'
}
