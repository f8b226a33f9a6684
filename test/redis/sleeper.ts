import { createRedisConnection } from '#src/redis/connection.ts'

/** A process that is stopped while it has commands under way. */
const link = createRedisConnection(process.argv[2] ?? '', {
  deadlineMs: 100,
  connectMs: 2_000,
  onChange: () => undefined,
})
await link.run((client) => client.get('k'))
process.on('message', async () => {
  const all = Array.from({ length: 50 }, (_, at) => link.run((client) => client.get(`${at}`)))
  const answered = (await Promise.allSettled(all)).filter(({ status }) => status === 'fulfilled').length
  const { state, timeouts } = link.stats()
  process.send?.({ answered, state, timeouts })
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
