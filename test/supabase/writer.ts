import { createGatewayClient, type GatewayOptions, type Stats } from '@hotdash/llm-gateway'

/** What a writer is started with, told, and tells. `everyMs`: between two calls; absent: it makes none. */
export type Setting = { name: string; baseURL: string; gateway: GatewayOptions; everyMs?: number }
export type Order = 'stop' | 'stats'
export type Told = { id: string } | { stats: Stats } | 'ready' | 'stopped'

/** One process of many: makes calls, all different, and tells of each as soon as it is over. */
function start({ name, baseURL, gateway, everyMs }: Setting) {
  const tell = (told: Told) => process.send?.(told)
  const client = createGatewayClient({
    baseURL,
    apiKey: 'test-key',
    gateway: { logger: false, ...gateway, cache: false, onCall: ({ id }) => void tell({ id }) },
  })
  let calls = 0
  const call = () => {
    calls += 1
    const messages = [{ role: 'user' as const, content: `${name} ${calls}` }]
    client.chat.completions.create({ model: 'gpt-4o-mini', messages }).catch(() => undefined)
  }
  const timer = everyMs === undefined ? undefined : setInterval(call, everyMs)

  async function stop() {
    clearInterval(timer)
    while (client.gateway.stats().pending > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await client.gateway.flush()
    tell('stopped')
  }

  process.on('message', (order: Order) => {
    if (order === 'stop') void stop()
    else tell({ stats: client.gateway.stats() })
  })
  tell('ready')
}

if (process.send !== undefined) start(JSON.parse(process.argv[2] ?? '{}'))
