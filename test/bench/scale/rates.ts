import { setTimeout as sleep } from 'node:timers/promises'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { Redis } from 'ioredis'
import { startRedis } from '../../redis/server.ts'
import { completion } from '../completion.ts'
import { POLICY } from './commands.ts'
import { quotaOf } from './model.ts'

const ANSWER = completion('It left the kitchen at 18:42. '.repeat(12))
const ANSWER_SECONDS = 0.5

/** Calls per second of each gateway, and gateways, which are processes to Redis. */
const RUNS = [
  { calls: 0.2, gateways: 60, seconds: 15 },
  { calls: 1, gateways: 40, seconds: 10 },
  { calls: 5, gateways: 20, seconds: 10 },
  { calls: 20, gateways: 5, seconds: 10 },
  { calls: 60, gateways: 2, seconds: 10 },
]

/** Counts what real gateways send to a Redis at several rates of misses, beside what the model says, and how they connect. */
export async function measureRates(): Promise<void> {
  for (const { calls, gateways, seconds } of RUNS) {
    const server = await startRedis()
    const clients = Array.from({ length: gateways }, () =>
      createGatewayClient({
        baseURL: 'http://127.0.0.1:1/v1',
        apiKey: 'bench',
        fetch: async () => {
          await sleep(ANSWER_SECONDS * 1_000)
          return new Response(ANSWER, { headers: { 'content-type': 'application/json' } })
        },
        gateway: { agent: 'bench', policy: POLICY, redis: server.url, metrics: false },
      }),
    )
    let asked = 0
    const ask = async (client: (typeof clients)[number]) => {
      asked += 1
      await client.chat.completions.create({
        model: 'gpt-4o-mini',
        messages: [{ role: 'user', content: `question ${asked}` }],
      })
    }
    await Promise.all(clients.map(ask))
    await sleep(300)
    const commands = () =>
      clients.reduce((sum, client) => sum + (client.gateway.stats().redis?.commands ?? 0), 0)
    const leased = () => clients.reduce((sum, client) => sum + (client.gateway.stats().quota?.leased ?? 0), 0)
    const before = { commands: commands(), leased: leased(), asked }
    await Promise.all(
      clients.map(async (client) => {
        const pending: Promise<void>[] = []
        const ends = performance.now() + seconds * 1_000
        for (;;) {
          await sleep((-Math.log(1 - Math.random()) / calls) * 1_000)
          if (performance.now() > ends) break
          pending.push(ask(client))
        }
        await Promise.all(pending)
      }),
    )
    await sleep(300)
    const done = asked - before.asked
    const quota = quotaOf(calls, ANSWER_SECONDS)
    const admin = new Redis(server.port)
    const connected = Number(/connected_clients:(\d+)/.exec(await admin.info('clients'))?.[1]) - 2
    console.log(
      `${calls} misses/s and process: commands per miss ${((commands() - before.commands) / done).toFixed(2)}, ` +
        `predicted ${(2 + (2 * quota.decided + quota.reports) / calls).toFixed(2)}; ` +
        `by lease ${((100 * (leased() - before.leased)) / done).toFixed(0)} %, ` +
        `predicted ${((100 * quota.leased) / calls).toFixed(0)} %; ` +
        `connections of a process ${(connected / gateways).toFixed(2)}`,
    )
    admin.disconnect()
    await Promise.all(clients.map((client) => client.gateway.close()))
    await server.close()
  }
}
