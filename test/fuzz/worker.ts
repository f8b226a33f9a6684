// Fuzzes one target in a thread: its main thread sees an input that never ends.
import { parentPort, workerData } from 'node:worker_threads'
import { watchCoverage } from './coverage.ts'
import { fuzz, type Run, type Target } from './engine.ts'

/** What the thread is given. */
export type Work = {
  target: string
  seconds: number
  seed: number
  inputs: Uint8Array[]
  redisUrl: string
  /** Bytes of the input that is being tried, after its length. */
  current: SharedArrayBuffer
}

/** What it answers. */
export type Done = Run & { branches: number }

const { target: name, seconds, seed, inputs, redisUrl, current } = workerData as Work
const coverage = watchCoverage()
const target = await load()
const bytes = new Uint8Array(current, 8)
const head = new Int32Array(current, 0, 2)
const run = await fuzz(target, {
  coverage,
  seconds,
  seed,
  inputs: inputs.map((input) => Buffer.from(input)),
  onInput(input) {
    bytes.set(input.subarray(0, bytes.length))
    head[0] = Math.min(input.length, bytes.length)
    head[1] = (head[1] ?? 0) + 1
  },
})
await target.close?.()
parentPort?.postMessage({ ...run, branches: coverage.branches() } satisfies Done)

async function load(): Promise<Target> {
  if (name !== 'lua')
    return ((await import(new URL(`targets/${name}.ts`, import.meta.url).href)) as { target: Target }).target
  const { luaTarget } = await import('./targets/lua.ts')
  const { Redis } = await import('ioredis')
  return luaTarget(new Redis(redisUrl))
}
