import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI, { type ClientOptions } from 'openai'
import { closeLater } from './closing.ts'

const servers: Server[] = []

export function closeServers() {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
}

export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer((request, response) =>
    request.url === '/v1/embeddings' ? void response.end('{}') : listener(request, response),
  )
  servers.push(server)
  closeLater(closeServers)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

/** An upstream's first answer comes by `fetch`: this one is not what is looked at. */
export async function clients(baseURL: string, options: ClientOptions = {}) {
  const all = { baseURL, apiKey: 'test', maxRetries: 0, ...options }
  const client = createGatewayClient({ ...all, gateway: { quota: false, agent: 'support' } })
  await client.embeddings.create({ model: 'text-embedding-3-large', input: 'first' }).catch(() => undefined)
  return { bare: new OpenAI(all), client }
}

export async function bodyOf(request: IncomingMessage) {
  let body = ''
  for await (const piece of request) body += piece
  return body
}
