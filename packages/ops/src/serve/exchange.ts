import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AccessLog, type LogEntry, redact } from './log.ts'

/** One request, its response and its entry in the access log. */
export type Exchange = {
  req: IncomingMessage
  res: ServerResponse
  /** Filled while the request is handled, and written once it is over. */
  logEntry: LogEntry
  /** Milliseconds on the monotonic clock (`performance.now`) at which the request's head had arrived. */
  startMs: number
}

export function createExchange(req: IncomingMessage, res: ServerResponse): Exchange {
  const { method = '', url = '/' } = req
  const logEntry: LogEntry = { startedAt: new Date().toISOString(), method, path: pathOf(url), ms: 0 }
  return { req, res, logEntry, startMs: performance.now() }
}

const pathOf = (url: string) => redact(url.split('?', 1)[0] ?? '/')

function outcomeOf({
  headersSent,
  writableFinished,
  statusCode,
}: ServerResponse): NonNullable<LogEntry['outcome']> {
  if (statusCode >= 400) return 'refused'
  return headersSent && writableFinished ? 'complete' : 'aborted'
}

/** Completes the log entry of a finished exchange and writes it. Fields that quote a key of the request become `…`. */
export function writeLogEntry({ req, res, logEntry, startMs }: Exchange, log: AccessLog): void {
  logEntry.ms = Math.round((performance.now() - startMs) * 10) / 10
  if (res.headersSent || res.statusCode >= 400) logEntry.status = res.statusCode
  logEntry.outcome ??= outcomeOf(res)
  const { authorization = '', 'x-litellm-api-key': litellm = '', 'x-gateway-token': token = '' } = req.headers
  const keys = [authorization, litellm, token].map((value) =>
    (Array.isArray(value) ? value.join() : value).replace(/^Bearer\s+/i, ''),
  )
  for (const [name, value] of Object.entries(logEntry))
    if (typeof value === 'string' && keys.some((key) => key.length >= 8 && value.includes(key)))
      Object.assign(logEntry, { [name]: '…' })
  log.write(logEntry)
}
