import { createGatewayClient } from '@hotdash/llm-gateway'
import { embedder } from '../../semantic-embedder.ts'
import { completion, inMemory } from '../completion.ts'

export type Order = { type: 'ask'; question: string }
export type Told = { cache: string | null }

/** One process of several at one Redis. */
function start(redis: string) {
  const client = createGatewayClient({
    baseURL: 'http://127.0.0.1:1/v1',
    apiKey: 'bench',
    fetch: inMemory(completion('We ship to all of Europe.', 25)),
    gateway: {
      agent: 'bench',
      redis,
      quota: false,
      metrics: false,
      deadlines: { redisMs: 2_000 },
      policy: {
        teams: { bench: { agents: ['bench'] } },
        // Its own `fetch` would make each process an account of its own.
        cache: {
          sharedBetweenAccounts: true,
          exact: false,
          semantic: { mode: 'on', threshold: 0.9, judge: false },
        },
      },
      cache: { semantic: { embedder, secret: 'a secret for the bench' } },
    },
  })

  async function obey({ question }: Order): Promise<Told> {
    // Who only looks for an answer leaves none behind.
    const looks = !question.includes(' the ')
    const { response } = await client.chat.completions
      .create(
        { model: 'gpt-4o-mini', messages: [{ role: 'user', content: question }] },
        looks ? { headers: { 'x-gateway-cache': 'no-store' } } : {},
      )
      .withResponse()
    if (!looks) await client.gateway.flush()
    return { cache: response.headers.get('x-gateway-cache') }
  }

  process.on('message', (order: Order) => void obey(order).then((told) => process.send?.(told)))
  process.on('disconnect', () => process.exit())
  process.send?.('ready')
}

if (process.send !== undefined) start(process.argv[2] ?? '')
