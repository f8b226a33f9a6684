import { readMetrics } from '@hotdash/llm-gateway/metrics'
import { describe, expect, test } from 'vitest'
import type { RedisConnection } from '#src/redis/connection.ts'
import { DeliveryError } from '#src/sinks/sink.ts'
import { opened } from '../closing.ts'
import { until } from '../support.ts'
import { linkTo, recordsFrom, server, sinkAt, write } from './metrics-kit.ts'
import { fill } from './quota-kit.ts'
import { startCluster } from './server.ts'

const { now, DAY, report } = recordsFrom(Date.now())

describe('a write', () => {
  test('is one command, however many calls, teams and minutes it holds', async () => {
    const redis = await server()
    const sink = sinkAt(linkTo(redis.url))
    await write(sink, [report()])
    await redis.admin.config('RESETSTAT')
    for (let flush = 0; flush < 3; flush += 1)
      await write(
        sink,
        Array.from({ length: 300 }, (_, at) =>
          report({ startedAt: now - at * 10_000, agent: `agent ${at % 9}` }),
        ),
      )
    expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.admin.info('commandstats'))?.[1])).toBe(3)
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(901)
  })

  test('leaves no key without a time to live', async () => {
    const redis = await server()
    await write(sinkAt(linkTo(redis.url), 2), [report(), report({ startedAt: now - 3_600_000 })])
    const keys = await redis.admin.keys('*')
    expect(keys.map((key) => key.replace(/\d+$|[\w-]{36}$/, '…')).toSorted()).toEqual(
      expect.arrayContaining(['gw:{metrics}:hour:…', 'gw:{metrics}:minute:…', 'gw:{metrics}:writer:…']),
    )
    for (const key of keys) {
      const hours = (await redis.admin.pttl(key)) / 3_600_000
      expect(hours).toBeGreaterThan(0.9)
      expect(hours).toBeLessThanOrEqual(key.includes('hour') ? 35 * 24 : 2)
    }
  })

  test('that happened, and whose reply was lost, counts once', async () => {
    const redis = await server()
    const link = linkTo(redis.url, 50)
    const sink = sinkAt(link)
    await write(sink, [report()])
    const batch = [report(), report()]
    // Redis reads the command when it wakes up, long after we have given it up.
    redis.pause()
    await expect(write(sink, batch)).rejects.toThrow(DeliveryError)
    redis.resume()
    await until(() => link.stats().state === 'up', 'recovery')
    const more = [...batch, report()]
    const delivery = await write(sink, more)
    expect(delivery?.retry).toEqual([more[2]])
    await write(sink, [...(delivery?.retry ?? [])])
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(4)
  })

  test('that never arrived is made up for', async () => {
    const redis = await server(['--appendonly', 'yes', '--appendfsync', 'always'])
    const link = linkTo(redis.url)
    const sink = sinkAt(link)
    await write(sink, [report()])
    await redis.kill()
    const batch = [report(), report()]
    for (let tries = 0; tries < 3; tries += 1) await expect(write(sink, batch)).rejects.toThrow(DeliveryError)
    await redis.restart()
    await until(() => link.stats().state === 'up', 'recovery')
    await write(sink, batch)
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(3)
  })

  test('repeated by hand under its number adds nothing, and by another process adds again', async () => {
    const redis = await server()
    const link = linkTo(redis.url)
    let sent: unknown[] = []
    const spy: RedisConnection = {
      ...link,
      run: (command) =>
        link.run((client) =>
          command(
            new Proxy(client, {
              get(target, name) {
                const value = Reflect.get(target, name)
                if (name !== 'evalsha' && name !== 'eval') return value
                return (...args: unknown[]) => {
                  sent = [name, ...args]
                  return Reflect.apply(value as () => unknown, target, args)
                }
              },
            }),
          ),
        ),
    }
    await write(sinkAt(spy), [report(), report()])
    const [command, ...args] = sent as [string, ...string[]]
    expect(await redis.admin.call(command, ...args)).toBe(0)
    const [script = '', keys = '', writer = '', ...rest] = args
    expect(await redis.admin.call(command, script, keys, `${writer}2`, ...rest)).toBe(1)
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(4)
  })

  test('goes on after SCRIPT FLUSH, FLUSHALL, and garbage in its places', async () => {
    const redis = await server()
    const sink = sinkAt(linkTo(redis.url))
    await write(sink, [report()])
    await redis.admin.script('FLUSH')
    await write(sink, [report()])
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(2)
    await redis.admin.flushall()
    await write(sink, [report()])
    const [minute = ''] = await redis.admin.keys('gw:{metrics}:minute:*')
    const [hour = ''] = await redis.admin.keys('gw:{metrics}:hour:*')
    const [writer = ''] = await redis.admin.keys('gw:{metrics}:writer:*')
    await redis.admin.set(minute, 'no hash')
    await redis.admin.hset(
      hour,
      'prod_customer/support',
      'calls= =3 \u0000 calls=x',
      'no row',
      'x',
      '%zz/%',
      'calls=1',
    )
    await redis.admin.lpush(`${writer}x`, 'x')
    await redis.admin.rename(`${writer}x`, writer)
    await write(sink, [report()])
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(1)
    expect((await readMetrics(redis.url, { ...DAY, by: 'hour' })).summary.calls).toBe(1)
  })

  test('a full Redis takes no calls, and they are counted once there is room', async () => {
    const redis = await server()
    const link = linkTo(redis.url)
    const sink = sinkAt(link)
    await fill(redis.admin)
    const batch = [report()]
    await expect(write(sink, batch)).rejects.toThrow(/OOM/)
    expect(link.stats().state).toBe('up')
    await redis.admin.config('SET', 'maxmemory', '0')
    await write(sink, batch)
    expect((await readMetrics(redis.url, DAY)).summary.calls).toBe(1)
  })

  test('works in a cluster', async () => {
    const cluster = opened(await startCluster())
    const sink = sinkAt(linkTo(cluster.url))
    await write(sink, [report(), report({ startedAt: now - 7_200_000 })])
    expect((await readMetrics(cluster.url, DAY)).summary.calls).toBe(2)
  })
})

describe('names', () => {
  test('hostile ones are told as they are, and no key or row is theirs to choose', async () => {
    const redis = await server()
    const names = [
      'a/b',
      '}{',
      '*',
      '',
      ' calls=9',
      '%',
      '%2F',
      'ünï',
      '\ud800',
      '(others)',
      'x'.repeat(5_000),
    ]
    await write(
      sinkAt(linkTo(redis.url)),
      names.map((name) => report({ agent: name, team: name, error: name, status: 'refused' })),
    )
    const { rows } = await readMetrics(redis.url, DAY)
    expect(new Set(rows.map(({ agent }) => agent))).toEqual(
      new Set(names.map((name) => name.slice(0, 100).toWellFormed())),
    )
    for (const { agent, team, calls } of rows) expect([team, calls]).toEqual([agent, 1])
    for (const key of await redis.admin.keys('*'))
      expect(key).toMatch(/^gw:\{metrics\}:(minute|hour|writer):[\w-]+$/)
  })

  test('beyond 100 rows a minute, agents count as others; no call is lost', async () => {
    const redis = await server()
    const link = linkTo(redis.url)
    for (const process of [1, 2])
      await write(
        sinkAt(link),
        Array.from({ length: 900 }, (_, at) => report({ agent: `${process}-${at}` })),
      )
    const { rows, summary } = await readMetrics(redis.url, DAY)
    expect(rows).toHaveLength(101)
    expect(summary.calls).toBe(1_800)
    expect(rows.find(({ agent }) => agent === '(others)')?.calls).toBe(1_700)
  })
})
