import { parseArgs } from 'node:util'
import { type Places, placesOf } from './sinks.ts'

const HELP = `A day of HotDash's nine agents through the LLM gateway, and the same day without it.

  npm run demo                      about 400 calls in some seconds, no key needed
  npm run demo -- --calls 1000      a longer day: more people ask the same questions
  npm run demo -- --seed 7          another day; the same seed is always the same day
  npm run demo -- --redis URL       each agent in its own process, all at one Redis
  npm run demo -- --langfuse URL --supabase URL
                                    every call also traced in that Langfuse and stored in that Supabase,
                                    with LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and SUPABASE_SECRET_KEY
  npm run demo -- --live            about 12 calls to the real API, with OPENAI_API_KEY

What to watch
  cache exact     an identical question came before: answered from memory, $0
  cache flight    an identical call is in flight: both share one upstream call
  route escalated an input above 2,000 tokens: gpt-4o answers instead of gpt-4o-mini
  route failover  upstream was overloaded (a staged 503): gpt-4o answered
  refused         the background team sends more than its 30 requests a minute

Without --live nothing leaves this machine: upstream is a fake with made-up answers, latency and token counts.
Caching, routing, limits, prices and records are the gateway's own. The day takes seconds; the limits are per
real minute.

With --redis, nine processes share answers and limits through that Redis. With --redis, --langfuse or --supabase, all
runs under team names of their own (demo-...), so that nothing of yours is read or counted, and what is traced can be
told apart; what is written to Redis is gone after two days.

Exits with 1 if a step fails, if stats() and the records differ, if a hit costs money, or if a cached answer
is not the first one, if processes share nothing or pass a limit together, or if a record did not arrive where it was sent; with 2 if an option is wrong or --live finds no key; with 130 after Ctrl-C.`

export type DemoOptions = {
  steps: number
  seed: number
  live: boolean
  redis: string | undefined
  places: Places
}

/** Exits the process for --help and for invalid options. */
export function readOptions(): DemoOptions {
  try {
    const { values } = parseArgs({
      options: {
        calls: { type: 'string', default: '400' },
        seed: { type: 'string', default: '1' },
        live: { type: 'boolean', default: false },
        redis: { type: 'string' },
        langfuse: { type: 'string' },
        supabase: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(HELP)
      process.exit(0)
    }
    return {
      steps: whole('--calls', values.calls, 30, 20_000),
      seed: whole('--seed', values.seed, 0, 2 ** 32 - 1),
      live: values.live,
      redis: values.redis,
      places: placesOf(values.langfuse, values.supabase),
    }
  } catch (error) {
    return wrong(`${(error as Error).message}\nTry --help.`)
  }
}

export function wrong(message: string): never {
  console.error(message)
  process.exit(2)
}

function whole(name: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new Error(`${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`)
}
