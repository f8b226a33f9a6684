import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Gateway } from '@hotdash/llm-gateway'
import { createAuthenticator } from './authenticate.ts'
import { handleClientErrors } from './client-errors.ts'
import { closeWithConnection } from './connections.ts'
import { httpErrors, methodNotAllowed, notFound } from './errors.ts'
import { createExchange, type Exchange, writeLogEntry } from './exchange.ts'
import { createHandler } from './handler.ts'
import { type AccessLog, type Logger, redact } from './log.ts'
import type { ServeOptions } from './options.ts'
import { sendError, sendJson } from './reply.ts'
import { matchRoute } from './routes.ts'

export type RunningServer = {
  /** TCP port on which the server listens: the one chosen by the system where the options say 0. */
  port: number
  /** Number of requests whose response is not finished. */
  inFlight: () => number
  /**
   * Waits `shutdownDelayMs`, stops listening, and gives requests in flight `graceMs` to finish.
   *
   * @returns how many requests were cut off after the grace period
   */
  stop: () => Promise<number>
}

/**
 * Starts the HTTP server in front of `gateway.fetch`.
 *
 * @throws (rejects) with the system's error where the address cannot be listened on, e.g. `EADDRINUSE`
 */
export async function startServer(
  gateway: Gateway,
  options: ServeOptions,
  accessLog: AccessLog,
  logger: Logger,
): Promise<RunningServer> {
  const authenticator = createAuthenticator(gateway.policy, options.allowAnonymous)
  const handler = createHandler(gateway, authenticator, options, logger)
  const inFlight = new Set<ServerResponse>()
  const drained = Promise.withResolvers<void>()
  let draining = false
  let closing = false

  const server = createServer(
    {
      maxHeaderSize: 32 * 1024,
      headersTimeout: Math.min(15_000, options.receiveTimeoutMs),
      requestTimeout: options.receiveTimeoutMs,
      connectionsCheckingInterval: Math.min(2_000, options.receiveTimeoutMs),
      keepAliveTimeout: 75_000,
      requireHostHeader: false,
    },
    onRequest,
  )
  server.on('checkContinue', onRequest)
  server.on('checkExpectation', onRequest)
  handleClientErrors(server, accessLog)
  const watch = closeWithConnection(server)

  function onRequest(req: IncomingMessage, res: ServerResponse): void {
    let exchange: Exchange
    try {
      exchange = createExchange(req, res)
    } catch (error) {
      reportFault(res, error)
      return
    }
    const closed = new Promise<void>((resolve) => res.once('close', resolve))
    watch(res)
    inFlight.add(res)
    if (draining) res.setHeader('connection', 'close')
    const handled = handle(exchange).catch((error: unknown) => {
      // A request that was read to its end is destroyed as well: only one that broke off has left.
      if (!res.destroyed && (req.complete || !req.destroyed)) reportFault(res, error)
    })
    const finished = Promise.all([closed, handled]).then(() => {
      inFlight.delete(res)
      if (closing && inFlight.size === 0) drained.resolve()
      writeLogEntry(exchange, accessLog)
    })
    finished.catch((error: unknown) => logger(`a request was not logged: ${stackOf(error)}`, 'log fault'))
  }

  /** Answers 500, or closes the connection: a fault of the server ends one request only. */
  function reportFault(res: ServerResponse, error: unknown): void {
    logger(`a request failed here: ${stackOf(error)}`, 'fault')
    try {
      sendError(res, httpErrors.internalError)
    } catch {
      res.destroy()
    }
  }

  async function handle(exchange: Exchange): Promise<void> {
    const { req, res } = exchange
    const { method = '' } = req
    const [path = '/', query = ''] = (req.url ?? '/').split('?', 2)
    const route = matchRoute(method, path)
    if (route.type === 'not-found') return sendError(res, notFound(method, redact(path)))
    if (route.type === 'method-not-allowed') return sendError(res, methodNotAllowed(method, route.allowed))
    if (route.type === 'health') return sendHealth(res, route.check)
    if (inFlight.size > options.maxRequests) return sendError(res, httpErrors.busy)
    await handler(route, query, exchange)
  }

  function sendHealth(res: ServerResponse, check: 'alive' | 'ready'): void {
    const { redis } = gateway.stats()
    const redisState = redis === undefined ? {} : { redis: redis.state }
    if (check === 'alive') sendJson(res, 200, "I'm alive!")
    else sendJson(res, draining ? 503 : 200, { status: draining ? 'draining' : 'healthy', ...redisState })
  }

  await listen(server, options)
  return {
    port: (server.address() as AddressInfo).port,
    inFlight: () => inFlight.size,
    async stop() {
      draining = true
      if (options.shutdownDelayMs > 0) await createTimeout(options.shutdownDelayMs).elapsed
      closing = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const res of inFlight) if (!res.headersSent) res.setHeader('connection', 'close')
      if (inFlight.size === 0) drained.resolve()
      const grace = createTimeout(options.graceMs)
      await Promise.race([drained.promise, grace.elapsed])
      grace.cancel()
      const cutOff = inFlight.size
      server.closeAllConnections()
      await closed
      return cutOff
    },
  }
}

/** Returns the stack of an error, where it is a string: an error of foreign code may have any. */
function stackOf(error: unknown): string {
  const stack = error instanceof Error ? error.stack : undefined
  return typeof stack === 'string' ? stack : 'an error without a stack'
}

function listen(server: Server, { host, port }: ServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function createTimeout(ms: number) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  return { elapsed: promise, cancel: () => clearTimeout(timer) }
}
