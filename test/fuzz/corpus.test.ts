import { stripTypeScriptTypes } from 'node:module'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startRedis } from '../redis/server.ts'
import { readCorpus } from './corpus.ts'
import { fuzz, type Target } from './engine.ts'
import { instrument } from './instrument.ts'
import { instrumentLua } from './lua.ts'
import { TARGETS } from './targets.ts'

async function open(name: (typeof TARGETS)[number]): Promise<Target> {
  if (name !== 'lua') return ((await import(`./targets/${name}.ts`)) as { target: Target }).target
  const { luaTarget } = await import('./targets/lua.ts')
  const redis = await startRedis()
  const target = luaTarget(new Redis(redis.url))
  onTestFinished(async () => {
    await target.close?.()
    await redis.close()
  })
  return target
}

describe('inputs that were found by fuzzing', () => {
  test.each(TARGETS)('%s: all properties hold for each input of the corpus', async (name) => {
    const target = await open(name)
    const inputs = [...target.seeds.map((seed) => Buffer.from(seed)), ...readCorpus(name)]
    expect(inputs.length).toBeGreaterThan(target.seeds.length)
    for (const input of inputs) await target.run(input)
  })
})

/** Counts the passes through each branch of a module with a function `f`. */
function branchesOf(source: string, call: (f: (...args: number[]) => unknown) => unknown) {
  const { source: counted, branches } = instrument(source, 0)
  const counters = new Uint8Array(branches)
  Object.assign(globalThis, { __fuzz: counters })
  const f = new Function(`${stripTypeScriptTypes(counted)}; return f`)() as (...args: number[]) => unknown
  return { result: call(f), counters: [...counters] }
}

test('an instrumented module does the same, and counts each branch', () => {
  const source = `const f = (n: number, m?: number): unknown => {
  if (n > 9) return { big: true }
  else if (n === 3) { let s = 0; for (let i = 0; i < n; i++) s += i; return s }
  switch (n) { case 1: return 'one' as const; default: }
  try { if (n === 5) throw new Error('five') } catch { return 'caught' }
  return (m ?? (n > 6 ? 'more' : 'less')) || (() => ({ a: 1 }))()
}`
  const seen = (n: number, m?: number) => branchesOf(source, (f) => (m === undefined ? f(n) : f(n, m)))
  expect([10, 3, 1, 5, 7, 6].map((n) => seen(n).result)).toEqual([
    { big: true },
    3,
    'one',
    'caught',
    'more',
    'less',
  ])
  expect(seen(6, 0).result).toEqual({ a: 1 })
  expect(seen(3).counters.filter((passes) => passes === 3)).toHaveLength(1)
  const ways = [10, 3, 1, 5, 7, 6].map((n) => seen(n).counters.join(''))
  expect(new Set(ways).size).toBe(6)
})

test('an instrumented Lua script gives its own reply and the branches it reached', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.close())
  const { source, branches } = instrumentLua(
    `-- then
local function f(x) if x == 'do' then return 1 elseif x == "b" then error('bad') else return { 'c' } end end
for _, word in ipairs(ARGV) do return f(word) end`,
    10,
  )
  expect(branches).toBe(5)
  const run = async (word: string) => {
    const [isOk, reached, reply] = (await redis.admin.eval(source, 0, word)) as [number, number[], unknown]
    return [isOk, reached.toSorted(), reply]
  }
  expect(await run('do')).toEqual([1, [10, 11, 14], 1])
  expect(await run('x')).toEqual([1, [10, 13, 14], ['c']])
  const [isOk, reached, reply] = await run('b')
  expect([isOk, reached]).toEqual([0, [10, 12, 14]])
  expect(reply).toMatch(/bad/)
})

test('the driver finds a way through branches that random bytes do not find', async () => {
  const counters = new Uint8Array(5)
  const target: Target = {
    seeds: ['xxxxx'],
    run(input) {
      for (const [at, letter] of [...'abcd'].entries()) {
        if (input[at] !== letter.charCodeAt(0)) return
        counters[at] = 1
      }
      throw new Error('all four')
    },
  }
  const coverage = { counters, branches: () => 5, words: () => ['a', 'b', 'c', 'd'] }
  const { found, inputs } = await fuzz(target, { coverage, seconds: 20, seed: 7, inputs: [], mostFound: 1 })
  expect(found.map(({ input }) => input.toString('latin1', 0, 4))).toEqual(['abcd'])
  // All texts of four such bytes, tried at random, are some millions.
  expect(inputs).toBeLessThan(300_000)
})
