import { pathToFileURL } from 'node:url'
import { promptsOf } from './prompts.ts'

/** One peer in a process of its own. It makes calls when told to, one batch for each message. */
export type Order =
  | { do: 'calls'; what: What; bytes: number; calls: number }
  | { do: 'load'; what: What; bytes: number; atOnce: number; forMs: number }
  | { do: 'burst'; same: boolean; calls: number; limitMs: number }
  | { do: 'memory' }
export type What = 'miss' | 'hit' | 'stream'
export type Told = {
  /** Microseconds: of whole calls; of streams, to the first chunk. */
  times: number[]
  /** Of a stream, microseconds for each further chunk. */
  chunks: number[]
  /** Microseconds of processor time of this process, all calls together. */
  cpu: number
  calls: number
  seconds: number
  /** Of a burst: calls that were not answered. */
  lost: number
  errors: string[]
  megabytes: number
}

/** What a peer's file exports: `create` returns how one asks through this peer. */
export type Asker = {
  ask: (content: string) => Promise<unknown>
  stream?: (content: string) => Promise<AsyncIterable<unknown>> | AsyncIterable<unknown>
  close?: () => Promise<unknown>
}
export type Context = {
  /** With `/v1`. */
  upstream: string
  apiKey: string
  redis: string
  langfuse: { baseUrl: string; publicKey: string; secretKey: string }
  /** That the proxy asks for. */
  headers?: Record<string, string>
  /** Dollars that all processes together may spend; absent: a limit that is never met. */
  cap?: number
}

const [file = '', setting = '{}', seed = '1'] = process.argv.slice(2)
const promptOf = promptsOf(Number(seed))
const repeated = promptsOf(1)(1_000)
const { create } = (await import(pathToFileURL(file).href)) as {
  create: (context: Context) => Promise<Asker>
}
const peer = await create(JSON.parse(setting) as Context)

async function once(what: What, content: string, told: Told): Promise<void> {
  const start = performance.now()
  if (what !== 'stream') {
    await peer.ask(content)
    told.times.push((performance.now() - start) * 1_000)
    return
  }
  let first = 0
  let chunks = 0
  for await (const _ of await (peer.stream?.(content) ?? [])) {
    first ||= performance.now() - start
    chunks += 1
  }
  if (chunks < 200) throw new Error(`a stream of ${chunks} chunks`)
  told.times.push(first * 1_000)
  told.chunks.push(((performance.now() - start - first) * 1_000) / (chunks - 1))
}

const contentOf = (what: What, bytes: number) => (what === 'hit' ? repeated : promptOf(bytes))

async function obey(order: Order): Promise<Told> {
  const told: Told = {
    times: [],
    chunks: [],
    cpu: 0,
    calls: 0,
    seconds: 0,
    lost: 0,
    errors: [],
    megabytes: process.memoryUsage.rss() / 1e6,
  }
  if (order.do === 'memory') return told
  const { what, bytes } = order.do === 'burst' ? { what: 'miss' as const, bytes: 1_000 } : order
  const contents = Array.from({ length: order.do === 'load' ? 2_000 : order.calls }, () =>
    contentOf(what, bytes),
  )
  if (order.do === 'burst' && order.same) contents.fill(contentOf('miss', bytes))
  const before = process.cpuUsage()
  const start = performance.now()
  if (order.do === 'calls')
    for (const content of contents) {
      await once(what, content, told)
      // A lone call: what follows it is not the next one's.
      await new Promise((resolve) => setImmediate(resolve))
    }
  else if (order.do === 'load')
    await Promise.all(
      Array.from({ length: order.atOnce }, async () => {
        while (performance.now() - start < order.forMs)
          await once(what, contents.pop() ?? contentOf(what, bytes), told)
      }),
    )
  else await Promise.all(contents.map((content) => tried(content, order.limitMs, told)))
  const { user, system } = process.cpuUsage(before)
  return {
    ...told,
    cpu: user + system,
    calls: told.times.length,
    seconds: (performance.now() - start) / 1_000,
    megabytes: process.memoryUsage.rss() / 1e6,
  }
}

async function tried(content: string, limitMs: number, told: Told): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not answered in ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([once('miss', content, told), late])
  } catch (error) {
    told.lost += 1
    if (told.errors.length < 3) told.errors.push(String(error).slice(0, 300))
  } finally {
    clearTimeout(timer)
  }
}

process.on('message', (order: Order) => {
  obey(order).then(
    (told) => process.send?.(told),
    (error: unknown) =>
      process.send?.({ failed: error instanceof Error ? (error.stack ?? '') : String(error) }),
  )
})
// Peers that lose their Redis may reject what they do not await.
process.on('unhandledRejection', (error) => console.error(`unhandled: ${String(error).slice(0, 200)}`))
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
