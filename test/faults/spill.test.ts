import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, test } from 'vitest'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { embedded, passed, streamed, whole } from './calls.ts'
import { inTime, openGateway, tryAll, useFaults } from './kit.ts'
import { checkNoneLost } from './outcome.ts'

let redis: RedisServer
let table: Server
let isAway = true
/** Ids of rows, as often as they came. */
const rows: string[] = []

beforeAll(async () => {
  redis = await startRedis()
  table = createServer(async (request, response) => {
    const body: Buffer[] = []
    for await (const piece of request) body.push(piece as Buffer)
    if (isAway) return void response.writeHead(503).end('upstream connect error')
    const written: unknown = JSON.parse(Buffer.concat(body).toString() || '[]')
    for (const row of Array.isArray(written) ? written : [written])
      if (typeof row.request_id === 'string') rows.push(row.request_id)
    response.writeHead(201).end()
  })
  await new Promise<void>((resolve) => table.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  table?.closeAllConnections()
  table?.close()
  await redis?.close()
})
useFaults()

const options = () => ({
  policy: {},
  redis: redis.url,
  cache: false as const,
  quota: false as const,
  metrics: false as const,
  livePolicy: false,
  deadlines: { redisMs: 2_000, connectMs: 5_000 },
  supabase: {
    url: `http://127.0.0.1:${(table.address() as AddressInfo).port}`,
    secretKey: 'sb_secret_of_the_test',
  },
})

test('a fault anywhere on the way of rows by Redis: each row arrives, or is counted as lost', async () => {
  await tryAll({
    async before() {
      await redis.admin.flushall()
      isAway = true
      rows.length = 0
    },
    options,
    calls: [whole, whole, streamed, embedded, passed],
    async check(trial, point) {
      checkNoneLost(trial, point)
      isAway = false
      // Any process with the key delivers what another one has stored in Redis.
      const { gateway } = openGateway(options())
      const arrived = async () => {
        for (;;) {
          await trial.gateway.flush()
          const { queued = 0 } = trial.gateway.stats().sinks?.supabase ?? {}
          if (queued === 0 && (await redis.admin.xlen('gw:{usage}:spill')) === 0) return
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      }
      try {
        await inTime(arrived(), 'the drain')
      } finally {
        await gateway.close()
      }
      const own = trial.gateway.stats().sinks?.supabase
      const lost = (own?.dropped ?? 0) + (own?.rejected ?? 0) + (own?.spill?.rejected ?? 0)
      const missing = trial.records.filter(({ id }) => !rows.includes(id)).length
      if (missing > lost) throw new Error(`${missing} rows are missing, ${lost} are counted`)
    },
    about: /^(sinks\/supabase|sinks|redis)/,
    sample: 12,
  })
}, 3_600_000)
