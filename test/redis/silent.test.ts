import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { ask, setup } from '../support.ts'
import { startRedis } from './server.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A way to Redis on which, once it is told to, subscriptions hear no more, without any sign that it is broken. */
async function startWay(port: number) {
  let isSilent = false
  let silenced = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const behind = connect(port, '127.0.0.1')
    let [subscribes, isDropped] = [false, false]
    client.on('data', (bytes) => {
      subscribes ||= /subscribe/i.test(bytes.toString('latin1'))
      behind.write(bytes)
    })
    behind.on('data', (bytes) => {
      // A connection that is made afterwards works.
      if (isSilent && subscribes && silenced === 0) isDropped = true
      if (isDropped) silenced += 1
      else client.write(bytes)
    })
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const address = server.address()
  return {
    url: `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/0`,
    silence: () => {
      isSilent = true
    },
  }
}

test('a subscription that fell silent is noticed, and what was purged meanwhile is given no more', async () => {
  const redis = await startRedis()
  closing.push(() => redis.close())
  const way = await startWay(redis.port)
  let answers = 0
  const answer = () => {
    answers += 1
    return String(answers)
  }
  const agentAt = async (url: string) => {
    const { client } = await setup(
      {
        redis: url,
        quota: false,
        metrics: false,
        livePolicy: false,
        // Far longer than it takes to notice.
        cache: { exact: { localSeconds: 3_600 } },
        deadlines: { redisMs: 5_000, connectMs: 5_000 },
      },
      { baseURL: upstream.baseURL },
    )
    closing.push(() => client.gateway.close())
    return client
  }
  const { upstream } = await setup({ quota: false }, {}, { answer })
  const [here, there] = [await agentAt(redis.url), await agentAt(way.url)]
  const ofThere = async () => {
    const { data, response } = await there.chat.completions.create(ask('x')).withResponse()
    return [data.choices[0]?.message.content, response.headers.get('x-gateway-cache')]
  }
  await here.chat.completions.create(ask('x'))
  await here.gateway.flush()
  expect(await ofThere()).toEqual(['1', 'exact'])
  // It listens by now: Redis is asked no more.
  const commands = () => there.gateway.stats().redis?.commands
  for (let before = -1; before !== commands(); await sleep(50)) {
    before = commands() ?? -1
    await ofThere()
  }
  way.silence()
  await here.gateway.purge({})
  expect(await ofThere()).toEqual(['1', 'exact'])
  while ((await ofThere())[0] === '1') await sleep(100)
  expect((await ofThere())[0]).not.toBe('1')
})
