import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AccessLog, type LogLine, tidy } from './log.ts'

/** One request on its way, and what the log will tell of it. */
export type Exchange = { req: IncomingMessage; res: ServerResponse; line: LogLine; startedAt: number }

export function exchangeOf(req: IncomingMessage, res: ServerResponse): Exchange {
  const { method = '', url = '/' } = req
  const line: LogLine = { at: new Date().toISOString(), method, path: pathOf(url), ms: 0 }
  return { req, res, line, startedAt: performance.now() }
}

const pathOf = (url: string) => tidy(url.split('?', 1)[0] ?? '/')

function endOf({ headersSent, writableFinished, statusCode }: ServerResponse): NonNullable<LogLine['end']> {
  if (statusCode >= 400) return 'refused'
  return headersSent && writableFinished ? 'complete' : 'left'
}

/** Once it is over. Whatever a caller put where, the keys of this exchange are in no line. */
export function logged({ req, res, line, startedAt }: Exchange, log: AccessLog): void {
  line.ms = Math.round((performance.now() - startedAt) * 10) / 10
  if (res.headersSent || res.statusCode >= 400) line.status = res.statusCode
  line.end ??= endOf(res)
  const { authorization = '', 'x-litellm-api-key': litellm = '', 'x-gateway-token': token = '' } = req.headers
  const keys = [authorization, litellm, token].map((value) =>
    (Array.isArray(value) ? value.join() : value).replace(/^Bearer\s+/i, ''),
  )
  for (const [name, value] of Object.entries(line))
    if (typeof value === 'string' && keys.some((key) => key.length >= 8 && value.includes(key)))
      Object.assign(line, { [name]: '…' })
  log.write(line)
}
