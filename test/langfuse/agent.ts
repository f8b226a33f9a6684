import { createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'

/** A program that makes some calls and ends, or waits to be ended. It never flushes. */
const [baseURL = '', gateway = '', calls = '0', end = ''] = process.argv.slice(2)
const client = createGatewayClient({
  apiKey: 'test-key',
  baseURL,
  gateway: JSON.parse(gateway) as GatewayOptions,
})
await Promise.all(
  Array.from({ length: Number(calls) }, (_, call) =>
    client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: `question ${call}` }],
    }),
  ),
)
process.send?.('asked')
if (end === 'wait') setInterval(() => undefined, 1_000)
else process.disconnect()
