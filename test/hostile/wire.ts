import {
  type CallRecord,
  createGatewayClient,
  type GatewayClient,
  type GatewayOptions,
} from '@hotdash/llm-gateway'
import OpenAI from 'openai'

/** An upstream in memory: each read of its body brings exactly one of the pieces. */
export type Wire = {
  fetch: typeof fetch
  /** Requests that reached it. */
  calls: () => number
  /** Bodies stop before this piece, until `release`. */
  hold: (piece: number) => void
  release: () => void
  /** Bodies that stand still now. */
  held: () => number
}

export type Body = { pieces: readonly Uint8Array[]; type: string; breaks?: boolean }

const NO_PIECE = Number.POSITIVE_INFINITY

export function wireOf(body: () => Body): Wire {
  let calls = 0
  let holdAt = NO_PIECE
  const waiting: (() => void)[] = []

  async function passed(at: number): Promise<void> {
    if (at < holdAt) return
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
    })
  }

  return {
    async fetch() {
      calls += 1
      const { pieces, type, breaks } = body()
      let at = 0
      const stream = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            await passed(at)
            const piece = pieces[at]
            at += 1
            if (piece !== undefined) controller.enqueue(piece)
            else if (breaks) controller.error(new TypeError('terminated'))
            else controller.close()
          },
        },
        { highWaterMark: 0 },
      )
      return new Response(stream, { headers: { 'content-type': type } })
    },
    calls: () => calls,
    hold(piece) {
      holdAt = piece
    },
    release() {
      holdAt = NO_PIECE
      for (const go of waiting.splice(0)) go()
    },
    held: () => waiting.length,
  }
}

export type Clients = { bare: OpenAI; client: GatewayClient; records: CallRecord[] }

/** The gateway's client and a bare one, at the same wire. */
export function clientsOf(wire: Wire, gateway: GatewayOptions = {}): Clients {
  const records: CallRecord[] = []
  const options = {
    baseURL: 'http://upstream.test/v1',
    apiKey: 'k',
    maxRetries: 0,
    logLevel: 'off' as const,
    fetch: wire.fetch,
  }
  return {
    records,
    bare: new OpenAI(options),
    client: createGatewayClient({
      ...options,
      gateway: { policy: {}, redis: false, onCall: (record) => void records.push(record), ...gateway },
    }),
  }
}

const encoder = new TextEncoder()

export const sse = (...parts: (string | object)[]): string =>
  parts.map((part) => (typeof part === 'string' ? part : `data: ${JSON.stringify(part)}\n\n`)).join('')

export const DONE = 'data: [DONE]\n\n'

export const streamOf = (...pieces: (string | Uint8Array)[]): (() => Body) => {
  const bytes = pieces.map((piece) => (typeof piece === 'string' ? encoder.encode(piece) : piece))
  return () => ({ pieces: bytes, type: 'text/event-stream' })
}

export const jsonOf = (...pieces: string[]): (() => Body) => {
  const bytes = pieces.map((piece) => encoder.encode(piece))
  return () => ({ pieces: bytes, type: 'application/json' })
}
