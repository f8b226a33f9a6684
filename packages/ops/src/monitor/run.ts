import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { KEYS } from '../alerting/keys.ts'
import { enqueue, noteDelivered, queueLength } from '../alerting/outbox.ts'
import { openRedis, type RedisClient, troubleOf } from '../alerting/redis.ts'
import { counted } from '../cli/format.ts'
import type { MonitorConfig } from '../config/config.ts'
import type { Channel } from './deliver/channel.ts'
import { type DeliveryCounts, type DeliveryOptions, deliverDue } from './deliver/delivery.ts'
import { createMemoryQueue } from './deliver/memory-queue.ts'
import { createEvaluator, type Evaluation } from './evaluator.ts'
import { callHeartbeat } from './heartbeat.ts'
import { compose } from './mail/compose.ts'
import { createMeasurer } from './measure/measure.ts'

/** Longest time between two looks into the outbox, which cost two commands each. */
const DELIVER_EVERY_MS = 10_000

export type MonitorOptions = {
  redis: string
  config: MonitorConfig
  name: string
  channels: Channel[]
  heartbeatUrl?: string
  log: (text: string) => void
}

/** What a monitor shows of itself. */
export type MonitorStatus = {
  name: string
  last?: Evaluation
  /** Milliseconds since the epoch, by this machine's clock. */
  lastAt?: number
  counts: DeliveryCounts
  /** Messages that wait in Redis. Absent while it is away. */
  queued?: number
}

export type Monitor = {
  status: MonitorStatus
  /** Evaluates once, and delivers what is due. */
  runOnce: () => Promise<Evaluation>
  /** Evaluates and delivers until the signal is aborted. */
  run: (signal: AbortSignal) => Promise<void>
  /** Gives up the lead and the sign of life, so that neither is missed. */
  close: () => Promise<void>
}

export async function createMonitor(options: MonitorOptions): Promise<Monitor> {
  const { config, name, log, heartbeatUrl } = options
  const client = await openRedis(options.redis)
  const instance = `${name} ${randomUUID()}`
  const measurer = createMeasurer(client, config, name)
  const delivery = deliveryOptions(options)
  const status: MonitorStatus = { name, counts: { delivered: 0, retried: 0, rejected: 0 } }
  const memory = createMemoryQueue(delivery, status.counts)
  let outageIsLogged = false
  const composeOptions = {
    ...(config.runbookUrl !== undefined && { runbookUrl: config.runbookUrl }),
    domain: domainOf(config.mail?.from),
    webhooks: config.webhooks.map(({ name }) => name),
    hasMail: config.mail !== undefined,
  }
  const evaluator = createEvaluator({
    client,
    measurer,
    config,
    name,
    instance,
    compose: (notice, measured) => compose(notice, measured, composeOptions),
    queueInMemory: memory.add,
    log,
  })

  async function evaluate(): Promise<Evaluation> {
    const evaluation = await evaluator.evaluate()
    status.last = evaluation
    status.lastAt = Date.now()
    if (heartbeatUrl !== undefined) await callHeartbeat(heartbeatUrl, log)
    return evaluation
  }

  async function deliver(): Promise<void> {
    try {
      if (!memory.isEmpty()) await moveToRedis()
      await deliverDue(client, evaluator.now, delivery, status.counts)
      status.queued = await queueLength(client)
      outageIsLogged = false
    } catch (error) {
      delete status.queued
      if (!outageIsLogged) log(`messages wait in memory: ${troubleOf(client, error)}`)
      outageIsLogged = true
      await memory.deliver(evaluator.now())
    }
  }

  /** Queues in Redis what waits in memory, and notes there what was delivered meanwhile. */
  async function moveToRedis(): Promise<void> {
    await client.ping()
    const { messages, delivered } = memory.take()
    try {
      await noteDelivered(client, delivered, evaluator.now())
      if (messages.length > 0) await enqueue(client, messages, evaluator.now())
    } catch (error) {
      memory.putBack(messages, delivered)
      throw error
    }
    log(`Redis is back: ${counted(messages.length, 'message')} moved to it`)
  }

  const repeat = async (work: () => Promise<unknown>, ms: number, signal: AbortSignal) => {
    while (!signal.aborted) {
      await work()
      await sleep(ms, undefined, { signal }).catch(() => undefined)
    }
  }

  return {
    status,
    async runOnce() {
      const evaluation = await evaluate()
      await deliver()
      return evaluation
    },
    async run(signal) {
      const intervalMs = config.intervalSeconds * 1_000
      await Promise.all([
        repeat(evaluate, intervalMs, signal),
        repeat(deliver, Math.min(DELIVER_EVERY_MS, intervalMs), signal),
      ])
    },
    async close() {
      measurer.close()
      await resign(client, name, instance).catch(() => undefined)
      for (const channel of options.channels) channel.close()
      client.disconnect()
    },
  }
}

function deliveryOptions({ config, channels, log }: MonitorOptions): DeliveryOptions {
  const { timeoutSeconds = 30, retrySeconds = 15 } = config.mail ?? {}
  return {
    channels: new Map(channels.map((channel) => [channel.name, channel])),
    leaseMs: timeoutSeconds * 2_000,
    retryMs: retrySeconds * 1_000,
    log,
  }
}

async function resign(client: RedisClient, name: string, instance: string): Promise<void> {
  if ((await client.get(KEYS.leader)) === instance) await client.del(KEYS.leader)
  await client.hdel(KEYS.monitors, name)
}

/** Returns the part after the @ of the sender, for Message-IDs. */
const domainOf = (from = '') => /@([\w.-]+)/.exec(from)?.[1] ?? 'llm-gateway.invalid'
