import { once } from 'node:events'
import { createServer, Agent as HttpAgent } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import nodeFetch from 'node-fetch'
import type { ClientOptions } from 'openai'
import { Agent, ProxyAgent, fetch as undiciFetch } from 'undici'
import { onTestFinished } from 'vitest'

/** The way in which requests leave. */
export type Transport = {
  name: string
  /** Of the client that is made with it. */
  options: () => ClientOptions
  /** `fetch` of the whole program is another one, from before the client is made or from then on. */
  global?: 'before' | 'after'
  /** Its Responses, the errors of their bodies and of aborts are of classes of its own. */
  ownClasses?: true
  /** It crashes by itself at a second redirect. */
  noLoops?: true
}

type FetchOptions = NonNullable<ClientOptions['fetchOptions']>

export const nodes = globalThis.fetch
const wrapped: typeof fetch = async (...args) => await nodes(...args)

/** A proxy that tunnels. */
async function startProxy(): Promise<string> {
  const server = createServer()
  server.on('connect', (request, socket, head) => {
    const [host = '', port] = (request.url ?? '').split(':')
    let isOpen = false
    const upstream = connect(Number(port), host, () => {
      isOpen = true
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.write(head)
      upstream.pipe(socket).pipe(upstream)
    })
    const end = () => {
      upstream.destroy()
      if (isOpen) socket.destroy()
      else socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    }
    for (const side of [upstream, socket]) side.on('error', end).on('close', end)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Each kind of transport that the SDK's own README names for Node, and those that programs put in its place. */
export async function startTransports(): Promise<Transport[]> {
  const agent = new Agent()
  const proxy = new ProxyAgent(await startProxy())
  const pool = new HttpAgent({ keepAlive: true })
  onTestFinished(async () => {
    pool.destroy()
    await Promise.all([agent.destroy(), proxy.destroy()])
  })
  const undici = undiciFetch as unknown as typeof fetch
  return [
    { name: "Node's fetch", options: () => ({}) },
    { name: 'a fetch of its own', options: () => ({ fetch: wrapped }) },
    { name: 'a fetch of its own in each client', options: () => ({ fetch: (...args) => nodes(...args) }) },
    {
      name: "undici's fetch, an Agent",
      options: () => ({ fetch: undici, fetchOptions: { dispatcher: agent } }),
    },
    {
      name: "undici's fetch, a ProxyAgent",
      options: () => ({ fetch: undici, fetchOptions: { dispatcher: proxy } }),
    },
    {
      name: "Node's fetch, undici's Agent",
      options: () => ({ fetchOptions: { dispatcher: agent } as FetchOptions }),
    },
    { name: "Node's fetch, a fetch option", options: () => ({ fetchOptions: { keepalive: false } }) },
    {
      name: 'node-fetch, an http.Agent',
      options: () => ({
        fetch: nodeFetch as unknown as typeof fetch,
        fetchOptions: { agent: pool } as FetchOptions,
      }),
      ownClasses: true,
      // Source: node-fetch 3.3.2, `src/index.js`: at the second redirect it reads options that are undefined.
      noLoops: true,
    },
    { name: 'a global fetch replaced before', options: () => ({}), global: 'before' },
    { name: 'a global fetch replaced after', options: () => ({}), global: 'after' },
  ]
}

/** Replaces the global `fetch`. */
export const replacement: typeof fetch = async (input, init) => {
  const headers = new Headers(init?.headers)
  headers.set('x-replaced', '1')
  return await nodes(input, { ...init, headers })
}
