import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { hostileOrigin } from '../hostile/under.ts'

/** How an upstream that is not quite OpenAI answers. */
export type Raw = (res: ServerResponse) => void

/** A server that gives every request the same bytes. */
export async function serve(raw: Raw): Promise<{ baseURL: string; count: () => number }> {
  let count = 0
  const server = createServer((req, res) => {
    count += 1
    req.resume()
    req.on('end', () => raw(res))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  return { baseURL: await hostileOrigin(baseURL), count: () => count }
}

export function body(
  text: string | Buffer,
  headers: Record<string, string | string[]> = {},
  status = 200,
  statusText?: string,
): Raw {
  return (res) => {
    res.writeHead(status, statusText, headers)
    res.end(text)
  }
}
