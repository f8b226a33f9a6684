// Ends with 1 if a call costs more than it did: `npm run bench:gate`, `-- --help`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ensureRedis } from '../../redis/server.ts'
import type { What } from '../versus-side.ts'
import { type Figures, figuresOf } from './sides.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '40' },
    attempts: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`Compares what a call costs beyond the bare OpenAI client's with test/bench/gate/recorded.json.

  npm run bench:gate -- [--rounds 40] [--attempts 3] [--write]

  --attempts  measures again what was too much: other work on the machine can be the reason
  --write     records the figures of this run; say in the commit why they have grown

Promises, timers, bytes of the heap and commands to Redis are counted, and hardly vary. The ratio of processor times does:
it may grow by three quarters before it counts, since other processors have other ratios.`)
  process.exit(0)
}

/** How far a figure may be above the recorded one: a factor, and an amount for small figures. */
const ALLOWED: { [Name in keyof Figures]: { factor: number; more: number } } = {
  ratio: { factor: 1.75, more: 0.2 },
  promises: { factor: 1, more: 3 },
  timers: { factor: 1, more: 2 },
  bytes: { factor: 1.2, more: 8_192 },
  commands: { factor: 1, more: 0.1 },
}
const NAMES = Object.keys(ALLOWED) as (keyof Figures)[]
/** What a stream takes from the heap depends on how the network cuts it. */
const namesFor = (what: What) => NAMES.filter((name) => what !== 'stream' || name !== 'bytes')
const CALLS: What[] = ['hit', 'misses', 'stream', 'redis', 'large redis', 'first redis', 'limits']

const file = new URL('recorded.json', import.meta.url)
const recorded = JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<What, Figures>>
ensureRedis()
const upstream = fork(new URL('../upstream.ts', import.meta.url))
const [port] = (await once(upstream, 'message')) as [number]

const now: Partial<Record<What, Figures>> = {}
let [passed, failed] = [0, 0]
console.log(`| call | ${NAMES.join(' | ')} |\n|---|${NAMES.map(() => '---').join('|')}|`)
for (const what of CALLS) {
  const best = await leastOf(what)
  now[what] = best
  const before = recorded[what]
  const grown = values.write ? [] : namesFor(what).filter((name) => isAbove(name, best, before))
  passed += namesFor(what).length - grown.length
  failed += grown.length
  const cells = NAMES.map((name) => {
    const was = before === undefined ? '' : ` (${told(name, before)})`
    return `${told(name, best)}${was}${grown.includes(name) ? ' **GROWN**' : ''}`
  })
  console.log(`| ${what} | ${cells.join(' | ')} |`)
}
upstream.disconnect()
if (values.write) writeFileSync(file, `${JSON.stringify(now, rounded, 2)}\n`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

/** Measures again while a figure is too large, and keeps the least of each. */
async function leastOf(what: What): Promise<Figures> {
  let best: Figures | undefined
  for (let attempt = 0; attempt < Number(values.attempts); attempt += 1) {
    const figures = await figuresOf(what, port, Number(values.rounds))
    const earlier = best ?? figures
    best = Object.fromEntries(NAMES.map((name) => [name, Math.min(earlier[name], figures[name])])) as Figures
    const least = best
    if (!namesFor(what).some((name) => isAbove(name, least, recorded[what]))) break
  }
  return best as Figures
}

function isAbove(name: keyof Figures, figures: Figures, before: Figures | undefined): boolean {
  if (before === undefined) return !values.write
  const { factor, more } = ALLOWED[name]
  return figures[name] > Math.max(0, before[name]) * factor + more
}

function told(name: keyof Figures, figures: Figures): string {
  if (name === 'bytes') return `${Math.round(figures.bytes / 1_024)} KiB`
  return figures[name].toFixed(name === 'ratio' || name === 'commands' ? 2 : 0)
}

function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 100) / 100 : value
}
