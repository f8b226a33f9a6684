import { createGatewayClient, type GatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'

/** What an agent's client is created with. */
export type Setting = { baseURL: string; gateway: GatewayOptions }

export type Order =
  /** Creates a client. */
  | { id: number; start: Setting }
  /** Starts `calls` calls at one moment; `stalls`: blocks the event loop repeatedly in the meantime. */
  | { id: number; calls: number; stalls?: boolean }
  | { id: number; stats: true }
  /** Closes the client. */
  | { id: number; end: true }

export type Report = {
  id: number
  /** How many calls ended how: `ok`, or the code of their error. */
  outcomes?: Record<string, number>
  quota?: { alone: number; unavailable: number; mode: string } | undefined
}

const never = new Int32Array(new SharedArrayBuffer(4))
/** Blocks the event loop, without work for a processor. */
const block = (ms: number) => void Atomics.wait(never, 0, 0, ms)

let client: GatewayClient
const tell = (report: Report) => void process.send?.(report)
let asked = 0

async function call(): Promise<string> {
  asked += 1
  try {
    await client.chat.completions.create({
      model: 'gpt-4o-mini',
      max_tokens: 1_000,
      messages: [{ role: 'user', content: `${process.pid}/${asked}` }],
    })
    return 'ok'
  } catch (error) {
    return error instanceof Error && 'code' in error && typeof error.code === 'string'
      ? error.code
      : String(error)
  }
}

async function burst(calls: number, stalls: boolean): Promise<Record<string, number>> {
  const timer = stalls ? setInterval(() => block(50 + Math.random() * 300), 20) : undefined
  const outcomes = await Promise.all(Array.from({ length: calls }, call))
  clearInterval(timer)
  return Object.fromEntries(
    Object.entries(Object.groupBy(outcomes, (one) => one)).map(([name, all]) => [name, all?.length ?? 0]),
  )
}

process.on('message', async (order: Order) => {
  const { id } = order
  if ('start' in order) {
    const { baseURL, gateway } = order.start
    client = createGatewayClient({
      baseURL,
      apiKey: 'test',
      maxRetries: 0,
      gateway: { logger: false, ...gateway },
    })
    tell({ id })
  } else if ('calls' in order) tell({ id, outcomes: await burst(order.calls, order.stalls === true) })
  else if ('stats' in order) tell({ id, quota: client.gateway.stats().quota })
  else {
    await client.gateway.close(2_000)
    tell({ id })
  }
})
tell({ id: 0 })
