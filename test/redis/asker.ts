import { createGatewayClient, type GatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'

/** What an asker's client is created with. */
export type Setting = { name: string; baseURL: string; gateway: GatewayOptions }
export type Order =
  /** Creates a client in place of the last one. */
  | { id: number; type: 'start'; setting: Setting }
  | { id: number; type: 'ask'; content: string; stream: boolean }
  /** Gives up the question of that id. */
  | { id: number; type: 'leave'; question: number }
  | { id: number; type: 'stats' }
  /** The same, as it is. */
  | { id: number; type: 'look' }
export type Told = { id: number; content?: string; cache?: string | null; error?: string; stats?: unknown }

/** One process of many: asks what it is told to ask, under a key by which upstream can tell it from the others. */
function start() {
  let client: GatewayClient
  let leaving = new Map<number, AbortController>()

  function restart({ name, baseURL, gateway }: Setting) {
    for (const controller of leaving.values()) controller.abort()
    leaving = new Map()
    void client?.gateway.close(100)
    client = createGatewayClient({
      baseURL,
      apiKey: name,
      maxRetries: 0,
      gateway: { logger: false, ...gateway },
    })
  }

  async function answer(order: Order): Promise<Told> {
    const { id } = order
    if (order.type === 'start') {
      restart(order.setting)
      return { id }
    }
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

if (process.send !== undefined) start()
