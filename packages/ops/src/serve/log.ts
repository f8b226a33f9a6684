/** One line of the access log, written as JSON. It holds no key, no question, no answer and no query string. */
export type LogEntry = {
  /** ISO 8601 time in UTC at which the request arrived. */
  startedAt: string
  method?: string
  path?: string
  /** HTTP status of the response. Absent where no response was sent. */
  status?: number
  /**
   * How the exchange ended. `complete`: the whole response was sent; `aborted`: the caller disconnected; `failed`:
   * upstream broke off; `refused`: the response was an error (status 400 or above).
   */
  outcome?: 'complete' | 'aborted' | 'failed' | 'refused'
  /** Milliseconds from arrival to the end of the response. */
  ms: number
  /** Id of the call in the gateway's records. */
  id?: string
  team?: string
  agent?: string
  /** Model named by the request. */
  requestedModel?: string
  /** Model that answered. */
  model?: string
  cache?: string
  route?: string
  /** US dollars, as a decimal. Absent where the cost is unknown. */
  costUsd?: string
  stream?: boolean
  bytesIn?: number
  bytesOut?: number
  /** Code of the error. */
  error?: string
}

export type AccessLog = {
  write: (entry: LogEntry) => void
  /** Counts the entries that could not be written. */
  dropped: () => number
}

/** Entries are dropped while more than this many bytes wait in the output stream. */
const MAX_BUFFERED_BYTES = 1024 * 1024

export function createAccessLog(out: NodeJS.WriteStream): AccessLog {
  let dropped = 0
  let broken = false
  // A closed pipe raises `error`, which would end the process if unhandled.
  out.on('error', () => {
    broken = true
  })
  return {
    write(entry) {
      if (broken || out.writableLength > MAX_BUFFERED_BYTES) dropped += 1
      else out.write(`${JSON.stringify(entry)}\n`)
    },
    dropped: () => dropped,
  }
}

/** Shortens a caller's text to 200 characters and replaces with `…` all that looks like a key. */
export function redact(text: string): string {
  return text.slice(0, 200).replace(/\b(sk|pk|rk|sb)[-_][\w-]{4,}|[\w+=~-]{32,}/gi, '…')
}

/** Creates a logger that writes to `out` at most one message a minute of each kind. */
export function createLogger(out: NodeJS.WriteStream) {
  const quietUntil = new Map<string, number>()
  out.on('error', () => undefined)
  return function log(message: string, kind = message): void {
    if (performance.now() < (quietUntil.get(kind) ?? 0)) return
    quietUntil.set(kind, performance.now() + 60_000)
    out.write(`[llm-gateway serve] ${message}\n`)
  }
}

export type Logger = ReturnType<typeof createLogger>
