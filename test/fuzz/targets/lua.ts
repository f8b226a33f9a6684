import { ok } from 'node:assert/strict'
import type { Redis } from 'ioredis'
import putSource from '#src/cache-entry/put.lua'
import raiseSource from '#src/cache-entry/raise-stamp.lua'
import writePolicySource from '#src/policy/live/write.lua'
import leaseSource from '#src/quota/redis/lease.lua'
import reportSource from '#src/quota/redis/report.lua'
import reserveSource from '#src/quota/redis/reserve.lua'
import settleSource from '#src/quota/redis/settle.lua'
import settlementSource from '#src/quota/redis/settlement.lua'
import stateSource from '#src/quota/redis/state.lua'
import { reservedOf, settledOf } from '#src/quota/redis/wire.ts'
import metricsSource from '#src/sinks/metrics/write.lua'
import putRowsSource from '#src/sinks/supabase/put.lua'
import takeRowsSource from '#src/sinks/supabase/take.lua'
import type { Target } from '../engine.ts'
import { instrumentLua } from '../lua.ts'

/** What the gateway itself writes for these: admissions of the last minute, rows of a report, their words. */
const OWN = Symbol('own')
const ROWS = Symbol('rows')
const WORDS = Symbol('words')
const IDS = Symbol('ids')
type Argument = string | number | null | symbol

type Script = {
  keys: string[]
  source: string
  /** Arguments as the gateway sends them; an input replaces some. */
  args: Argument[]
  /** Returns the number that the gateway could send at this place, from 1. @default whole, and at least 1 */
  form?: (number: number, place: number) => number
  check?: (reply: unknown) => void
}

const quota = (source: string) =>
  [stateSource, leaseSource, settlementSource, reportSource, source].join('\n')
const DAY = 20_000
/** Arguments of reserve.lua by their places from 1. Null: a number or nothing. */
const RESERVE: Argument[] = [
  ...[DAY * 86_400_000, 'p', 1, 5, 10, 1_000, 1e9, 5, 10, 'a\nm', null, 1e6, 60_000, 0, 9e15, 0],
  ...['', 0, 0, 0, OWN, 0, 0, 0, null, 1, 0, 0, 0, 0, 0, 0, 0, 0.05, 0, null, null, 0, ROWS, WORDS],
  ...[null, 0, 0, 0, 0, 0],
]

/** Places of reserve.lua that are money, which has its own bound; parts of one; and the lease of a hold. */
const MONEY = new Set([7, 12, 20, 30, 33, 35, 45])
const PARTS = new Set([34, 46])
const HOLD_MS = 13

const formOfReserve = (number: number, place: number) => {
  if (PARTS.has(place)) return number % 1
  return Math.floor(Math.min(number, MONEY.has(place) ? 9e15 : place === HOLD_MS ? 1e9 : 9e13))
}

/** Checks a reservation: no amount of the reply is a number that a limit could not be compared with. */
const checkReserved = (reply: unknown) => {
  const { tokens, committed, seq, load } = reservedOf(reply)
  for (const amount of [tokens, committed, seq, load.requests, load.tokens]) ok(Number.isFinite(amount))
}

const SCRIPTS: Script[] = [
  {
    keys: ['q', 'h', 'm'],
    source: quota(reserveSource),
    args: RESERVE,
    form: formOfReserve,
    check: checkReserved,
  },
  {
    keys: ['q', 'h', 'm'],
    source: quota(settleSource),
    args: [DAY * 86_400_000, 'p', 7, 3, 1_000, 0, 0, 9e15, 0],
    form: Math.floor,
    check: (reply) => void settledOf(reply),
  },
  { keys: ['x', 'e', 'a'], source: putSource, args: ['bytes', 1_000, '', '', 60_000] },
  { keys: ['e'], source: raiseSource, args: ['name', 'all', 60_000, 1, '', 1_000] },
  { keys: ['s'], source: putRowsSource, args: [10, 1_000, '{"a":1}', '{}'] },
  { keys: ['s', 'l'], source: takeRowsSource, args: ['p', 1_000, 5, IDS] },
  {
    keys: ['n', 'r'],
    source: metricsSource,
    args: [1, 1_000, 10, 60_000, 1, 'f', 'other', 'calls=1 cost=2'],
  },
  { keys: ['v', 'w'], source: writePolicySource, args: [0, 5, '{}', 50, 1_000, 'channel'] },
]

/** Numbers of an input, as the gateway would send them: not negative, and exact in Lua. */
const numbersIn = (text: string) =>
  [...text.matchAll(/\d+(?:\.\d+)?/g)].map(([each]) => Math.min(Number(each), 9e15))

/** Columns of a report's rows, by kind; the last is the number of a word. */
const COLUMNS = [8, 6, 13]

/** Returns a row of a usage report with these numbers. */
function rowOf(numbers: number[]): number[] {
  const kind = Math.floor(numbers[0] ?? 0) % 3
  const row = Array.from({ length: COLUMNS[kind] ?? 0 }, (_, at) => Math.floor(numbers[at] ?? 0))
  row[0] = kind + 1
  if (kind === 0) row[7] = 1
  if (kind === 2) [row[7], row[12]] = [2, 1]
  return row
}

/** Returns an argument: the own one, or the input's in its form. */
function argumentOf(
  own: Argument,
  given: string | undefined,
  rows: number[][],
  form: (number: number) => number,
): string | number {
  if (own === IDS) return /^\d{1,9}-\d{1,9}$/.exec(given ?? '')?.[0] ?? '1-1'
  if (own === ROWS) return JSON.stringify(rows)
  if (own === WORDS) return JSON.stringify(['a\nm', 'e'])
  if (own === OWN) return /^(?:\d{1,9}:\d{1,9}:\d{1,9},?)+$/.exec(given ?? '')?.[0] ?? ''
  if (typeof own === 'string') return given ?? own
  const number = given === undefined ? undefined : numbersIn(given)[0]
  if (number !== undefined) return form(number)
  return typeof own === 'number' ? own : ''
}

/** Puts a value into a key, as a stranger with access to Redis could: a text, a list, a hash, a set or a stream. */
async function place(redis: Redis, key: string, kind: string, value: Buffer): Promise<void> {
  const [field = '', rest = value.toString('latin1')] = value.toString('latin1').split('=', 2)
  const bytes = Buffer.from(rest, 'latin1')
  if (kind === 's') await redis.set(key, value)
  else if (kind === 'l') await redis.rpush(key, value)
  else if (kind === 'h') await redis.hset(key, field, bytes)
  else if (kind === 'z') await redis.sadd(key, value)
  else if (kind === 'x') await redis.xadd(key, '*', 'row', value)
}

/** Names of what a script of the gateway may answer with an error to, where a key holds a value of another kind. */
const WRONG_KIND = /WRONGTYPE/

/**
 * Scripts against a real Redis whose keys hold what a stranger wrote: each answers in its form, and none fails in its own
 * code. Lines: `S` and the number of the script; `A` argument=value; `R` numbers of a report's row; `K` a key's number, a kind, a value.
 */
export function luaTarget(redis: Redis): Target {
  let first = 0
  const scripts = SCRIPTS.map((script) => {
    const { source, branches } = instrumentLua(script.source, first)
    first += branches
    return { ...script, source }
  })
  const shas = new Map<string, string>()
  let reached: number[] = []

  async function run({ source, keys }: Script, args: (string | number | Buffer)[]): Promise<unknown[]> {
    let sha = shas.get(source)
    if (sha === undefined) {
      sha = (await redis.script('LOAD', source)) as string
      shas.set(source, sha)
    }
    return (await redis.evalsha(sha, keys.length, ...keys, ...args)) as unknown[]
  }

  return {
    seeds: [
      ...SCRIPTS.map((_, at) => `S${at}`),
      'S0\nS0\nS1\nS0',
      'K0hspent=5\nK0hwindow=x\nS0',
      'K0sx\nS0',
      'K1lx\nS1\nS0',
      'K0s5\nS7',
      'A34=0.5\nA17=e\nA18=5\nA21=5:1:2,6:1:1\nS0\nA2=q\nA27=1\nA28=1\nS0',
      'A37=1\nA38=5\nR0,5,1,2,3,4,5\nR1,5,1,2,3,60000\nR2,5,5,5,5,5,5,5,5,5,5,5,5\nS0\nA37=2\nA41=1\nS0',
    ],
    reached: () => reached,
    async run(input) {
      reached = []
      await redis.flushall()
      const changed = new Map<number, string>()
      const rows: number[][] = []
      for (const line of input.toString('latin1').split('\n').slice(0, 40)) {
        const at = Number.parseInt(line.slice(1), 10)
        if (line[0] === 'A' && line.includes('=')) changed.set(at, line.slice(line.indexOf('=') + 1))
        else if (line[0] === 'R') rows.push(rowOf(numbersIn(line)))
        else if (line[0] === 'K') await placeAll(at, line)
        else if (line[0] === 'S') await runOne(scripts[at % scripts.length], changed, rows)
      }
    },
    close: async () => redis.disconnect(),
  }

  async function placeAll(at: number, line: string): Promise<void> {
    const [, kind = '', text = ''] = /^K\d*(.)(.*)$/s.exec(line) ?? []
    const names = [...new Set(SCRIPTS.flatMap(({ keys }) => keys))]
    const key = names[at % names.length]
    // A key that is of another kind already keeps its value.
    if (key !== undefined) await place(redis, key, kind, Buffer.from(text, 'latin1')).catch(() => undefined)
  }

  async function runOne(script: Script | undefined, changed: Map<number, string>, rows: number[][]) {
    if (script === undefined) return
    const { form = (number) => Math.max(1, Math.floor(Math.min(number, 9e13))) } = script
    const args = script.args.map((own, at) => {
      const arg = argumentOf(own, changed.get(at + 1), rows, (number) => form(number, at + 1))
      return typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg
    })
    const [isOk, branches, reply] = await run(script, args)
    reached.push(...(branches as number[]))
    if (isOk === 1) script.check?.(reply)
    else if (!WRONG_KIND.test(`${reply as string}`)) throw new Error(`script failed: ${reply as string}`)
  }
}
