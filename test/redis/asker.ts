import { createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'

/** What an asker is started with, told to do, and tells. */
export type Setting = { name: string; baseURL: string; gateway: GatewayOptions }
export type Order =
  | { id: number; type: 'ask'; content: string; stream: boolean }
  /** Gives up the question of that id. */
  | { id: number; type: 'leave'; question: number }
  | { id: number; type: 'stats' }
  /** The same, as it is. */
  | { id: number; type: 'look' }
export type Told = { id: number; content?: string; cache?: string | null; error?: string; stats?: unknown }

/** One process of many: asks what it is told to ask, under a key by which upstream can tell it from the others. */
function start({ name, baseURL, gateway }: Setting) {
  const client = createGatewayClient({ baseURL, apiKey: name, maxRetries: 0, gateway })

  const leaving = new Map<number, AbortController>()

  async function answer(order: Order): Promise<Told> {
    const { id } = order
    if (order.type === 'leave') {
      leaving.get(order.question)?.abort()
      return { id }
    }
    if (order.type === 'look') return { id, stats: client.gateway.stats() }
    if (order.type === 'stats') {
      await client.gateway.flush()
      return { id, stats: client.gateway.stats() }
    }
    const { content, stream } = order
    const question = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] }
    const controller = new AbortController()
    leaving.set(id, controller)
    const { signal } = controller
    try {
      if (!stream) {
        const { data, response } = await client.chat.completions.create(question, { signal }).withResponse()
        const said = data.choices[0]?.message.content ?? ''
        return { id, content: said, cache: response.headers.get('x-gateway-cache') }
      }
      const asked = client.chat.completions.create({ ...question, stream: true }, { signal })
      const { data, response } = await asked.withResponse()
      let said = ''
      for await (const chunk of data) said += chunk.choices[0]?.delta.content ?? ''
      return { id, content: said, cache: response.headers.get('x-gateway-cache') }
    } catch (error) {
      return { id, error: String(error) }
    }
  }

  process.on('message', (order: Order) => void answer(order).then((told) => process.send?.(told)))
  process.send?.({ id: 0 })
}

if (process.send !== undefined) start(JSON.parse(process.argv[2] ?? '{}'))
