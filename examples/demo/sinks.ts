import type { GatewayOptions, Stats } from '@hotdash/llm-gateway'
import { type Column, table } from './table.ts'

/** Receivers of the day's records. None unless named by options; the environment is not read. */
export type Places = Required<Pick<GatewayOptions, 'langfuse' | 'supabase'>>

/** @throws Error naming the key that is missing. */
export function placesOf(
  langfuse: string | undefined,
  supabase: string | undefined,
  env = process.env,
): Places {
  return {
    langfuse:
      langfuse === undefined
        ? false
        : {
            baseUrl: langfuse,
            publicKey: needed(env, 'LANGFUSE_PUBLIC_KEY', '--langfuse'),
            secretKey: needed(env, 'LANGFUSE_SECRET_KEY', '--langfuse'),
          },
    supabase:
      supabase === undefined
        ? false
        : { url: supabase, secretKey: needed(env, 'SUPABASE_SECRET_KEY', '--supabase') },
  }
}

function needed(env: NodeJS.ProcessEnv, name: string, option: string): string {
  const value = env[name]
  if (value) return value
  throw new Error(`${option} needs ${name} in the environment.`)
}

export const isAnywhere = ({ langfuse, supabase }: Places) => langfuse !== false || supabase !== false

type Counts = { delivered: number; spilled: number; refused: number; dropped: number; queued: number }

const column = (title: keyof Counts): Column<[name: string, counts: Counts]> => ({
  title,
  width: 9,
  right: true,
  of: ([, counts]) => String(counts[title]),
})
const columns: Column<[name: string, counts: Counts]>[] = [
  { title: 'records in', width: 12, of: ([name]) => name },
  ...(['delivered', 'spilled', 'refused', 'dropped', 'queued'] as const).map(column),
]

function countsOf(all: Stats[]): Map<string, Counts> {
  const sums = new Map<string, Counts>()
  for (const { sinks = {} } of all)
    for (const [name, { delivered, spilled, rejected: refused, dropped, queued }] of Object.entries(sinks)) {
      const sum = sums.get(name) ?? { delivered: 0, spilled: 0, refused: 0, dropped: 0, queued: 0 }
      sum.delivered += delivered
      sum.spilled += spilled
      sum.refused += refused
      sum.dropped += dropped
      sum.queued += queued
      sums.set(name, sum)
    }
  return sums
}

/** Delivery counters of all processes. */
export const sinkTable = (all: Stats[]): string => table(columns, [...countsOf(all)])

/** Checks that every record arrived at every sink. */
export const sinkBreaches = (all: Stats[], records: number): string[] =>
  [...countsOf(all)]
    .filter(([, { delivered }]) => delivered !== records)
    .map(([name, { delivered }]) => `${name} has ${delivered} of ${records} records`)
