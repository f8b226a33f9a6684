/** One request, as the access log tells of it. No key, no question, no answer, and no query. */
export type LogLine = {
  at: string
  method?: string
  path?: string
  status?: number
  /** `cut`: upstream broke off; `left`: the caller did; `refused`: it was not understood, or not let in. */
  end?: 'complete' | 'cut' | 'left' | 'refused'
  ms: number
  id?: string
  team?: string
  agent?: string
  modelAsked?: string
  model?: string
  cache?: string
  route?: string
  costUsd?: string
  stream?: boolean
  bytesIn?: number
  bytesOut?: number
  error?: string
}

export type AccessLog = { write: (line: LogLine) => void; dropped: () => number }

/** What waits for a log that nobody reads. */
const MAX_WAITING_BYTES = 1024 * 1024

export function createAccessLog(out: NodeJS.WriteStream): AccessLog {
  let dropped = 0
  let broken = false
  // A log that went away must not take the server with it.
  out.on('error', () => {
    broken = true
  })
  return {
    write(line) {
      if (broken || out.writableLength > MAX_WAITING_BYTES) dropped += 1
      else out.write(`${JSON.stringify(line)}\n`)
    },
    dropped: () => dropped,
  }
}

/** For what callers made up: short, and without anything that looks like a key. */
export function tidy(text: string): string {
  return text.slice(0, 200).replace(/\b(sk|pk|rk|sb)[-_][\w-]{4,}|[\w+=~-]{32,}/gi, '…')
}

/** Of each kind of trouble, no more than one line a minute. */
export function createSay(out: NodeJS.WriteStream) {
  const quietUntil = new Map<string, number>()
  out.on('error', () => undefined)
  return function say(message: string, kind = message): void {
    if (performance.now() < (quietUntil.get(kind) ?? 0)) return
    quietUntil.set(kind, performance.now() + 60_000)
    out.write(`[llm-gateway serve] ${message}\n`)
  }
}

export type Say = ReturnType<typeof createSay>
