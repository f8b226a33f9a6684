import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startRedis } from '../../redis/server.ts'
import type { Done, Order } from './load.ts'

/** What Redis itself counts: CPU of its main thread in µs, commands of clients, bytes. */
export type Counts = { cpu: number; commands: number; received: number; sent: number }

export type Measured = Done & Counts & { perSecond: number; busy: number }

/** A Redis of one's own, and processes that load it. */
export async function startBench() {
  const server = await startRedis([
    '--maxclients',
    '20000',
    '--maxmemory',
    '2gb',
    '--maxmemory-policy',
    'allkeys-random',
  ])
  const loaders = [0, 1].map(() => fork(fileURLToPath(new URL('load.ts', import.meta.url))))

  async function counts(): Promise<Counts> {
    const info = `${await server.admin.info('cpu')}${await server.admin.info('stats')}`
    const of = (field: string) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(info)?.[1] ?? Number.NaN)
    return {
      cpu: (of('used_cpu_user_main_thread') + of('used_cpu_sys_main_thread')) * 1e6,
      commands: of('total_commands_processed'),
      received: of('total_net_input_bytes'),
      sent: of('total_net_output_bytes'),
    }
  }

  const one = (loader: (typeof loaders)[number], order: Order) =>
    new Promise<Done>((resolve) => {
      loader.once('message', (done) => resolve(done as Done))
      loader.send(order)
    })

  /** Runs steps, from `processes` loaders together. */
  async function load(order: Omit<Order, 'port'>, processes = 1): Promise<Measured> {
    const share = {
      ...order,
      port: server.port,
      connections: Math.ceil(order.connections / processes),
      ...(order.perSecond === undefined ? {} : { perSecond: order.perSecond / processes }),
    }
    const before = await counts()
    const parts = await Promise.all(loaders.slice(0, processes).map((loader) => one(loader, share)))
    const after = await counts()
    const sum = (of: (done: Done) => number) => parts.reduce((total, part) => total + of(part), 0)
    const ms = Math.max(...parts.map((part) => part.ms))
    const steps = sum((part) => part.steps)
    const cpu = after.cpu - before.cpu
    const error = parts.find((part) => part.error !== undefined)?.error
    return {
      steps,
      ms,
      errors: sum((part) => part.errors),
      ...(error === undefined ? {} : { error }),
      bytesIn: sum((part) => part.bytesIn),
      p50: Math.max(...parts.map((part) => part.p50)),
      p99: Math.max(...parts.map((part) => part.p99)),
      perSecond: steps / (ms / 1_000),
      busy: cpu / (ms * 1_000),
      cpu: cpu / steps,
      // Two commands of the counting itself.
      commands: (after.commands - before.commands - 2) / steps,
      received: (after.received - before.received) / steps,
      sent: (after.sent - before.sent) / steps,
    }
  }

  return {
    server,
    load,
    async close() {
      for (const loader of loaders) loader.kill()
      await server.close()
    },
  }
}

export type Bench = Awaited<ReturnType<typeof startBench>>
