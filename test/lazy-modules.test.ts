import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('./fixtures/without-module.mjs', import.meta.url))

type Cost = { costUsd?: number; status: string; error?: string }
type Told = {
  outcomes: Record<string, number | string>
  flushed: boolean[]
  pending: number[]
  costs: Cost[]
  sinks: Record<string, { state: string; lastError?: string }>
}

async function without(module: string): Promise<{ code: unknown; err: string; told: Told }> {
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const child = spawn(process.execPath, [script, module, upstream.baseURL, 'redis://127.0.0.1:1'])
  const said = { out: '', err: '' }
  child.stdout.on('data', (data) => {
    said.out += data
  })
  child.stderr.on('data', (data) => {
    said.err += data
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  await upstream.close()
  return { code, err: said.err, told: JSON.parse(said.out || '{}') as Told }
}

const ALL = {
  free: 200,
  capped: 200,
  'broken off': 200,
  long: 200,
  waiting: 429,
  redis: 200,
  meaning: 200,
  sinks: 200,
}

/** Modules that are loaded lazily, and what differs without them. */
const modules: Record<string, Partial<Record<keyof typeof ALL, number>>> = {
  none: {},
  // A budget cannot hold what has no price.
  '@pydantic/genai-prices': { capped: 403 },
  './o200k-ranks.cjs': {},
  // A call that cannot wait in the queue is refused, and the refusal reports a fault.
  bottleneck: { waiting: 429 },
  ioredis: {},
  langfuse: {},
  '@supabase/supabase-js': {},
}

test.each(Object.entries(modules))(
  'without %s calls go on, records close, and the process ends with 0',
  async (module, differing) => {
    const { code, err, told } = await without(module)
    expect([code, err.match(/Unhandled|at file:/)]).toEqual([0, null])
    expect(told.outcomes).toEqual({ ...ALL, ...differing })
    expect(told.flushed.every(Boolean)).toBe(true)
    expect(told.pending.every((count) => count === 0)).toBe(true)
    // One more is for the vector of the question that is asked by meaning.
    expect(told.costs).toHaveLength(10)
    const lines = err.split('\n').filter((line) => module !== 'none' && line.includes(module))
    // Each of the eight clients says it once.
    expect(lines.length).toBeLessThanOrEqual(8)
    if (module === '@pydantic/genai-prices') {
      expect(
        told.costs.filter(({ status }) => status === 'ok').every(({ costUsd }) => costUsd === undefined),
      ).toBe(true)
      expect(err).toContain('@pydantic/genai-prices cannot be loaded')
    }
    if (module === './o200k-ranks.cjs')
      expect(told.costs.find(({ status }) => status === 'aborted')).not.toHaveProperty('costUsd')
  },
)
