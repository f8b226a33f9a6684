import { createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'

/** What an asker is started with, told to do, and tells. */
export type Setting = { name: string; baseURL: string; gateway: GatewayOptions }
export type Order =
  | { id: number; ask: string; stream: boolean; leaveAfterMs?: number }
  | { id: number; ask?: undefined }
export type Told = { id: number; content?: string; cache?: string | null; error?: string; stats?: unknown }

/** One process of many: asks what it is told to ask, under a key by which upstream can tell it from the others. */
function start({ name, baseURL, gateway }: Setting) {
  const client = createGatewayClient({ baseURL, apiKey: name, maxRetries: 0, gateway })

  async function answer({ id, ...order }: Order): Promise<Told> {
    if (order.ask === undefined) {
      await client.gateway.flush()
      return { id, stats: client.gateway.stats() }
    }
    const question = {
      model: 'gpt-4o-mini',
      messages: [{ role: 'user' as const, content: order.ask }],
    }
    const signal = order.leaveAfterMs === undefined ? null : AbortSignal.timeout(order.leaveAfterMs)
    try {
      if (order.stream) {
        const asked = client.chat.completions.create({ ...question, stream: true }, { signal })
        const { data, response } = await asked.withResponse()
        let content = ''
        for await (const chunk of data) content += chunk.choices[0]?.delta.content ?? ''
        return { id, content, cache: response.headers.get('x-gateway-cache') }
      }
      const { data, response } = await client.chat.completions.create(question, { signal }).withResponse()
      const content = data.choices[0]?.message.content ?? ''
      return { id, content, cache: response.headers.get('x-gateway-cache') }
    } catch (error) {
      return { id, error: String(error) }
    }
  }

  process.on('message', (order: Order) => void answer(order).then((told) => process.send?.(told)))
  process.send?.({ id: 0 })
}

if (process.send !== undefined) start(JSON.parse(process.argv[2] ?? '{}'))
