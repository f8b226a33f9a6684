import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Stats } from '@hotdash/llm-gateway'
import type { Order, Setting, Told } from './writer.ts'

export type Writer = {
  /** Ids of the calls that are over. */
  ids: string[]
  /** Makes no more calls, and delivers what it can. */
  stop: () => Promise<void>
  stats: () => Promise<Stats>
  /** Resolves once it is gone. */
  kill: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>
}

/** A process of its own, whose environment names no Supabase and no Redis. */
export async function startWriter(setting: Setting): Promise<Writer> {
  const { SUPABASE_URL: _, SUPABASE_SECRET_KEY: __, LLM_GATEWAY_REDIS_URL: ___, ...env } = process.env
  const child = fork(fileURLToPath(new URL('writer.ts', import.meta.url)), [JSON.stringify(setting)], { env })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ids: string[] = []
  const hears = new Set<(told: Told) => void>()
  child.on('message', (told: Told) => {
    if (typeof told === 'object' && 'id' in told) ids.push(told.id)
    for (const hear of hears) hear(told)
  })

  function answerTo<T extends Told>(order: Order | undefined, isIt: (told: Told) => told is T): Promise<T> {
    return new Promise((resolve, reject) => {
      const hear = (told: Told) => {
        if (!isIt(told)) return
        hears.delete(hear)
        resolve(told)
      }
      hears.add(hear)
      void gone.then(() => reject(new Error('the writer has ended')))
      if (order !== undefined) child.send(order)
    })
  }

  await answerTo(undefined, (told) => told === 'ready')
  return {
    ids,
    stop: async () => void (await answerTo('stop', (told) => told === 'stopped')),
    stats: async () => (await answerTo('stats', isStats)).stats,
    async kill(signal) {
      child.kill(signal)
      await gone
    },
  }
}

const isStats = (told: Told): told is { stats: Stats } => typeof told === 'object' && 'stats' in told
