import { startRedis } from '../../redis/server.ts'
import { quantile } from '../measure.ts'
import type { Objects } from '../objects.ts'
import { type SideProcess, sentCommands, startSide } from '../versus-process.ts'
import type { What } from '../versus-side.ts'

/** What one kind of call costs beyond the bare client's. */
export type Figures = {
  /** Processor time of a call, as a multiple of the bare client's. */
  ratio: number
  /** Objects that a call creates in addition. */
  promises: number
  timers: number
  bytes: number
  /** Commands that clients send to Redis for a call. */
  commands: number
}

/** Large enough that no garbage is collected while bytes are counted. */
const HEAP = ['--expose-gc', '--max-semi-space-size=512', '--min-semi-space-size=512']
const WARM_UP = 3_000
const COUNTED = 100
const COUNTS = 5
/** What a batch of the ratio takes. */
const BATCH = 40
/** Calls of a stream read hundreds of chunks each. */
const shareOf = (what: What) => (what === 'stream' ? 0.1 : 1)

const checkout = new URL('../../..', import.meta.url).pathname

/** Measures one kind of call beside the bare client, in turns. */
export async function figuresOf(what: What, port: number, rounds: number): Promise<Figures> {
  const redis = await startRedis()
  const start = (side: 'bare' | 'gateway') => startSide({ checkout, side, what, port, redis, node: HEAP })
  const [bare, gateway] = await Promise.all([start('bare'), start('gateway')])
  const share = shareOf(what)
  for (const { ask } of [bare, gateway]) await ask({ what, calls: WARM_UP * share })
  await redis.admin.config('RESETSTAT')
  const times = { bare: [] as number[], gateway: [] as number[] }
  for (let round = 0; round < rounds; round += 1) {
    times.bare.push((await bare.ask({ what, calls: BATCH * share })).cpu)
    times.gateway.push((await gateway.ask({ what, calls: BATCH * share })).cpu)
  }
  const sent = (await sentCommands(redis)).reduce((sum, { count }) => sum + count, 0)
  const added = difference(await objectsOf(gateway, what), await objectsOf(bare, what))
  for (const { end } of [bare, gateway]) end()
  await redis.close()
  return {
    // Of the undisturbed batches: on a busy machine a tenth of them are.
    ratio: quantile(times.gateway, 0.1) / quantile(times.bare, 0.1),
    ...added,
    commands: sent / (rounds * BATCH * share),
  }
}

async function objectsOf({ ask }: SideProcess, what: What): Promise<Objects> {
  const all: Objects[] = []
  for (let count = 0; count < COUNTS; count += 1) {
    const { objects } = await ask({ what, calls: COUNTED * shareOf(what), countsObjects: true })
    if (objects !== undefined) all.push(objects)
  }
  const median = (of: keyof Objects) =>
    quantile(
      all.map((objects) => objects[of]),
      0.5,
    )
  return { promises: median('promises'), timers: median('timers'), bytes: median('bytes') }
}

const difference = (one: Objects, other: Objects): Objects => ({
  promises: one.promises - other.promises,
  timers: one.timers - other.timers,
  bytes: one.bytes - other.bytes,
})
