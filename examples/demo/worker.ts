import { createGatewayClient, withGateway } from '@hotdash/llm-gateway'
import type { Order, Post, Told } from './fleet.ts'
import { gatewayModel, taking } from './run.ts'

/** Runs one agent in its own process: a client, and the steps it receives. */
const { agent, baseURL, redis, policy, places } = JSON.parse(process.argv[2] ?? '{}') as Post
const tell = (told: Told) => void process.send?.(told)

const client = createGatewayClient({
  baseURL,
  apiKey: 'fake',
  gateway: {
    agent,
    redis,
    policy,
    coalesce: { crossProcess: true },
    // Nine processes on few cores are slow, so the deadlines are generous.
    deadlines: { redisMs: 3_000, connectMs: 5_000 },
    // Keeps the demo's calls out of live metrics.
    metrics: false,
    cache: { semantic: false },
    ...places,
    onCall: (record) => tell({ type: 'record', record }),
  },
})

const take = taking({
  client,
  modelFor: gatewayModel,
  doing: ({ id }, work) => withGateway({ trace: id }, work),
})

async function obey(order: Order) {
  if (order.type === 'finish') {
    await client.gateway.flush(240_000)
    const stats = client.gateway.stats()
    await client.gateway.close()
    // Sink counters are final only after close; the state of Redis is read before it.
    const { sinks } = client.gateway.stats()
    tell({ type: 'finished', stats: { ...stats, ...(sinks && { sinks }) } })
    return process.disconnect()
  }
  const { id } = order.step
  try {
    const { step: _, ...outcome } = await take(order.step)
    // The next call in any process finds the answer.
    await client.gateway.flush()
    tell({ type: 'done', id, outcome })
  } catch (error) {
    tell({ type: 'broken', id, error: (error as Error).message })
  }
}

process.on('message', (order: Order) => void obey(order))
process.on('disconnect', () => process.exit())
