// What a fleet uses of each resource, from measured costs: `npm run bench:scale -- --help`.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ensureRedis } from '../../redis/server.ts'
import { check } from './check.ts'
import { recordSteps } from './commands.ts'
import { measureUnits, type Units } from './measure.ts'
import { FLEET, type Fleet, LIMITS, usesOf } from './model.ts'
import { measurePostgres } from './postgres.ts'
import { measureRates } from './rates.ts'
import { startBench } from './server.ts'
import { tableOf } from './table.ts'

const NUMBERS = [
  'processes',
  'agents',
  'teams',
  'calls',
  'hits',
  'memory-hits',
  'limited',
  'answer-seconds',
  'answer-bytes',
  'ttl-seconds',
  'semantic',
  'semantic-bytes',
  'masters',
] as const
const COSTS = new URL('units.json', import.meta.url)

const { values } = parseArgs({
  options: {
    ...(Object.fromEntries(NUMBERS.map((name) => [name, { type: 'string' }])) as Record<
      (typeof NUMBERS)[number],
      { type: 'string' }
    >),
    'cross-process': { type: 'boolean', default: false },
    measure: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    rates: { type: 'boolean', default: false },
    postgres: { type: 'boolean', default: false },
    ms: { type: 'string', default: '1500' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Tells what a fleet uses of each resource, and which is full first, from costs measured on a real Redis.

  npm run bench:scale -- [--processes 100] [--agents 1000] [--teams 4] [--calls 1] [--hits 0.3] [--memory-hits 0.05]
                         [--limited 1] [--answer-seconds 2] [--answer-bytes 1000] [--ttl-seconds 86400]
                         [--semantic 0] [--semantic-bytes 1500] [--cross-process] [--masters 1] [--json]

  --calls            calls per second of each process
  --hits             share of calls answered from Redis; --memory-hits: from the memory of their process
  --limited          share of misses by teams with limits
  --semantic         share of misses whose answer is stored by meaning as well

  npm run bench:scale -- --measure [--ms 1500]   measures the costs anew, on a Redis of its own, and saves them
  npm run bench:scale -- --check [--ms 1500]     loads a Redis with mixed traffic at rising rates, beside the prediction
  npm run bench:scale -- --rates                 counts the commands of real gateways at several rates, beside the prediction
  npm run bench:scale -- --postgres              fills a table of months in a real Postgres`)
  process.exit(0)
}

const units = JSON.parse(readFileSync(COSTS, 'utf8')) as Units
if (values.measure || values.check) await withRedis()
else if (values.rates) await measureRates()
else if (values.postgres) await measurePostgres()
else console.log(values.json ? JSON.stringify(facts(fleetOf()), null, 2) : tableOf(fleetOf(), units, LIMITS))

async function withRedis() {
  ensureRedis()
  const bench = await startBench()
  try {
    const recorded = await recordSteps(`redis://127.0.0.1:${bench.server.port}`)
    const ms = Number(values.ms)
    if (values.measure) {
      console.log(`${'step'.padEnd(20)}       µs commands    B in   B out`)
      const measured = await measureUnits(bench, recorded, ms, console.log)
      writeFileSync(COSTS, `${JSON.stringify(measured, null, 2)}\n`)
    }
    if (values.check)
      for (const one of await check(bench, recorded, JSON.parse(readFileSync(COSTS, 'utf8')) as Units, ms)) {
        console.log(`\n${one.mix}`)
        console.log(
          `  full at ${one.predicted.toFixed(0)} steps/s predicted, ${one.measured.toFixed(0)} measured ` +
            `(${one.reached.toFixed(0)} with ${(one.busy * 100).toFixed(0)} % of a core): ` +
            `${percent(one.measured / one.predicted - 1)}`,
        )
        for (const { perSecond, predicted, measured, p99 } of one.rising)
          console.log(
            `  ${perSecond.toFixed(0).padStart(7)}/s: ${(predicted * 100).toFixed(0)} % predicted, ` +
              `${(measured * 100).toFixed(0)} % measured, p99 ${p99.toFixed(1)} ms`,
          )
      }
  } finally {
    await bench.close()
  }
}

function percent(part: number): string {
  return `${part < 0 ? '−' : '+'}${Math.abs(part * 100).toFixed(0)} %`
}

function fleetOf(): Fleet {
  const given = NUMBERS.flatMap((name) => {
    const value = values[name]
    if (value === undefined) return []
    if (!(Number(value) >= 0)) throw new Error(`--${name} must be a number of at least 0`)
    return [[name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()), Number(value)] as const]
  })
  return { ...FLEET, ...(Object.fromEntries(given) as Partial<Fleet>), crossProcess: values['cross-process'] }
}

function facts(fleet: Fleet) {
  return { fleet, limits: LIMITS, ...usesOf(fleet, units, LIMITS) }
}
