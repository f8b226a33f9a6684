import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as an origin received it. */
export type Received = {
  origin: string
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: string
}

/** Servers that answer everything, send some of it on, and keep books of their own. */
export type Origins = Awaited<ReturnType<typeof startOrigins>>

export async function startOrigins(count: number) {
  const books: Received[] = []
  let redirect: { status: number; to: string } | undefined
  let status = 200
  const servers = Array.from({ length: count }, () =>
    createServer((req, res) => {
      let body = ''
      req.setEncoding('utf8')
      req.on('data', (text) => {
        body += text
      })
      req.on('end', () => {
        const { method = '', url = '', headers } = req
        books.push({ origin: `http://${headers.host}`, method, url, headers, body })
        if (redirect !== undefined) {
          const { status, to } = redirect
          // Only once: where it leads answers.
          redirect = undefined
          res.writeHead(status, { location: `${to}${url.split('?', 1)[0]}` }).end()
          return
        }
        res.writeHead(status, { 'content-type': 'application/json' })
        res.end(ANSWER)
      })
    }),
  )
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  return {
    ports,
    books,
    /** The next request is sent on, with its path. */
    redirectNext(to: { status: number; to: string } | undefined) {
      redirect = to
    },
    answerWith(next: number) {
      status = next
    },
    async close() {
      for (const server of servers) server.closeAllConnections()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

const ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [
    { index: 0, message: { role: 'assistant', content: 'yes', refusal: null }, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 },
})

/** All that a request says, in each way in which a key may be written. */
export function saidIn({ url, headers, body }: Received): string {
  const values = Object.values(headers)
    .flat()
    .filter((value) => value !== undefined)
  const basic = values.map((value) => Buffer.from(value.replace(/^\S+\s+/, ''), 'base64').toString('latin1'))
  const said = [url, ...values, body, ...basic].join('\n')
  return `${said}\n${decodeURIComponent(said.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'))}`
}

/** A transport of a caller's own that follows redirects and takes every header along. */
export const naive: typeof fetch = async (input, init) => {
  const response = await fetch(input, { ...init, redirect: 'manual' })
  const to = response.headers.get('location')
  if (to === null || init?.redirect === 'manual' || init?.redirect === 'error') return response
  return await fetch(to, init)
}
