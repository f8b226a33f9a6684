import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Gateway } from '@hotdash/llm-gateway'
import { createCallers } from './authenticate.ts'
import { answerHostile } from './client-errors.ts'
import { noMethod, noRoute, problems } from './errors.ts'
import { type Exchange, exchangeOf, logged } from './exchange.ts'
import { createDesk } from './handler.ts'
import { type AccessLog, type Say, tidy } from './log.ts'
import type { ServeOptions } from './options.ts'
import { json, refuse } from './reply.ts'
import { routeOf } from './routes.ts'

export type Serving = {
  port: number
  /** Requests being answered. */
  underWay: () => number
  /** What is under way may finish for as long as the options say. Resolves with how many had to be cut off. */
  stop: () => Promise<number>
}

export async function startServer(
  gateway: Gateway,
  options: ServeOptions,
  log: AccessLog,
  say: Say,
): Promise<Serving> {
  const desk = createDesk(gateway, createCallers(gateway.policy, options.allowAnonymous), options, say)
  const underWay = new Set<ServerResponse>()
  const empty = Promise.withResolvers<void>()
  let leaving = false
  let closing = false

  const server = createServer(
    {
      maxHeaderSize: 32 * 1024,
      headersTimeout: Math.min(15_000, options.receiveMs),
      requestTimeout: options.receiveMs,
      connectionsCheckingInterval: Math.min(2_000, options.receiveMs),
      keepAliveTimeout: 75_000,
      requireHostHeader: false,
    },
    take,
  )
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
  answerHostile(server, log)

  function take(req: IncomingMessage, res: ServerResponse): void {
    let exchange: Exchange
    try {
      exchange = exchangeOf(req, res)
    } catch (error) {
      failed(res, error)
      return
    }
    const closed = new Promise<void>((resolve) => res.once('close', resolve))
    underWay.add(res)
    if (leaving) res.setHeader('connection', 'close')
    const answered = answer(exchange).catch((error: unknown) => {
      if (!res.destroyed && !req.destroyed) failed(res, error)
    })
    const over = Promise.all([closed, answered]).then(() => {
      underWay.delete(res)
      if (closing && underWay.size === 0) empty.resolve()
      logged(exchange, log)
    })
    over.catch((error: unknown) => say(`a request was not logged: ${stackOf(error)}`, 'log fault'))
  }

  /** A fault of this server's own ends one request, and no other. */
  function failed(res: ServerResponse, error: unknown): void {
    say(`a request failed here: ${stackOf(error)}`, 'fault')
    try {
      refuse(res, problems.fault)
    } catch {
      res.destroy()
    }
  }

  async function answer(exchange: Exchange): Promise<void> {
    const { req, res } = exchange
    const { method = '' } = req
    const [path = '/', query = ''] = (req.url ?? '/').split('?', 2)
    const route = routeOf(method, path)
    if (route.type === 'nowhere') return refuse(res, noRoute(method, tidy(path)))
    if (route.type === 'wrong method') return refuse(res, noMethod(method, route.allowed))
    if (route.type === 'health') return health(res, route.check)
    if (underWay.size > options.maxRequests) return refuse(res, problems.busy)
    await desk(route, query, exchange)
  }

  function health(res: ServerResponse, check: 'alive' | 'ready'): void {
    const { redis } = gateway.stats()
    const about = redis === undefined ? {} : { redis: redis.state }
    if (check === 'alive') json(res, 200, "I'm alive!")
    else json(res, leaving ? 503 : 200, { status: leaving ? 'leaving' : 'healthy', ...about })
  }

  await listening(server, options)
  return {
    port: (server.address() as AddressInfo).port,
    underWay: () => underWay.size,
    async stop() {
      leaving = true
      if (options.shutdownDelayMs > 0) await passed(options.shutdownDelayMs).promise
      closing = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const res of underWay) if (!res.headersSent) res.setHeader('connection', 'close')
      if (underWay.size === 0) empty.resolve()
      const grace = passed(options.graceMs)
      await Promise.race([empty.promise, grace.promise])
      grace.forget()
      const cut = underWay.size
      server.closeAllConnections()
      await closed
      return cut
    },
  }
}

/** Of a foreign error only what is surely text. */
function stackOf(error: unknown): string {
  const stack = error instanceof Error ? error.stack : undefined
  return typeof stack === 'string' ? stack : 'an error without a stack'
}

function listening(server: Server, { host, port }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function passed(ms: number) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  return { promise, forget: () => clearTimeout(timer) }
}
