import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startFakeLangfuse } from '@hotdash/llm-gateway-testing'

/** Where records go, in a process of its own: a stand-in Langfuse, and a table that takes every row. */
const langfuse = await startFakeLangfuse({ version: process.argv[2] === '2' ? '2.95.12' : '4.16.0' })
const table = createServer((req, res) => {
  req.resume()
  req.on('end', () => res.writeHead(201).end())
})
table.listen(0, '127.0.0.1', () => {
  const { port } = table.address() as AddressInfo
  const { baseURL, publicKey, secretKey } = langfuse
  process.send?.({
    langfuse: { baseUrl: baseURL, publicKey, secretKey },
    supabase: `http://127.0.0.1:${port}`,
  })
})
process.on('message', () => process.send?.(langfuse.observations.size))
process.on('disconnect', () => process.exit(0))
