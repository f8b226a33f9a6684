import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CONNECTION_HELP, CONNECTION_OPTIONS, requireRedisUrl } from '../cli/connection.ts'
import { printJson, printLine } from '../cli/output.ts'
import { styleFor } from '../cli/style.ts'
import { refuseSurplus } from '../cli/subcommand.ts'
import { UsageError } from '../core/command.ts'
import { renderFrame, SORTS, type Sort } from './frame.ts'
import { openScreen } from './screen.ts'
import { createReader, type Reader, type Snapshot } from './snapshot.ts'

export const summary = 'shows live what agents do: rates, hits, dollars against caps, latency, errors, Redis'

export const help = `llm-gateway top: ${summary}.

Usage: llm-gateway top [options]

Reads the live metrics that all gateways write to Redis. Shows one line for each team with its dollars of today and its
cap, and one for each agent. Keys: q or Ctrl-C quits, s changes the order.

  --interval S     seconds between two readings, 1 to 3600          (2)
  --sort ORDER     ${SORTS.join(', ')}                          (calls)
  --once           prints one picture and ends; so it does where standard output is no terminal
${CONNECTION_HELP}

Examples:
  llm-gateway top
  llm-gateway top --sort cost --interval 5
  llm-gateway top --once
  llm-gateway top --json | jq '.teams[] | {team, costTodayUsd, capUsd}'

Exit codes: 0 done, 1 Redis cannot be read (with --once or --json), 2 usage error. Details: docs/reports.md`

const KEYS = 'q quit  s sort'
const CTRL_C = '\u0003'

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      interval: { type: 'string', default: '2' },
      sort: { type: 'string', default: 'calls' },
      once: { type: 'boolean', default: false },
    },
  })
  refuseSurplus(positionals[0])
  const seconds = /^\d{1,4}$/.test(values.interval) ? Number(values.interval) : 0
  if (seconds < 1 || seconds > 3_600)
    throw new UsageError('--interval must be a whole number of seconds from 1 to 3600.')
  const sort = SORTS.find((name) => name === values.sort)
  if (sort === undefined) throw new UsageError(`--sort must be one of ${SORTS.join(', ')}.`)
  const reader = await createReader(requireRedisUrl(values.redis))
  try {
    if (values.json) return printJson(await reader.read())
    if (values.once || process.stdout.isTTY !== true) return printOnce(await reader.read(), sort)
    return await watch(reader, sort, seconds * 1_000)
  } finally {
    reader.close()
  }
}

function printOnce(snapshot: Snapshot, sort: Sort): number {
  const columns = Math.max(60, process.stdout.columns || 80)
  const lines = renderFrame(snapshot, { columns, style: styleFor(process.stdout), sort, trouble: '' })
  return printLine(lines.join('\n'))
}

/** Draws until a key or a signal ends it. The terminal is restored in every case. */
async function watch(reader: Reader, first: Sort, intervalMs: number): Promise<number> {
  const stop = new AbortController()
  const style = styleFor(process.stdout)
  let [sort, snapshot, trouble]: [Sort, Snapshot | undefined, string] = [first, undefined, '']

  const draw = () => {
    const { columns, rows } = process.stdout
    screen.draw(renderFrame(snapshot, { columns, rows, style, sort, keys: KEYS, trouble }))
  }
  const key = (typed: string) => {
    if (typed === 'q' || typed === 'Q' || typed === CTRL_C) stop.abort()
    if (typed === 's') {
      sort = SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length] ?? sort
      draw()
    }
  }
  const end = () => stop.abort()
  const screen = openScreen(process.stdin, process.stdout, { key, resize: draw })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
  // A fault must not leave the terminal without a cursor.
  process.once('exit', screen.close)
  try {
    while (!stop.signal.aborted) {
      try {
        snapshot = await reader.read()
        trouble = ''
      } catch (error) {
        trouble = error instanceof Error ? error.message : 'no answer'
      }
      if (stop.signal.aborted) break
      draw()
      // Rejects at the end only.
      await sleep(intervalMs, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  } finally {
    screen.close()
  }
  return 0
}
