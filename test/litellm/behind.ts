import { type CallRecord, createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'
import { type Said, type Seen, standIn } from './stand-in.ts'

export async function behind(
  answer: (seen: Seen, nth: number) => Said | Promise<Said>,
  gateway: GatewayOptions = {},
) {
  const { url, seen } = await standIn(answer)
  const records: CallRecord[] = []
  const client = createGatewayClient({
    apiKey: 'the-key-of-openai',
    gateway: {
      mode: 'litellm',
      agent: 'support',
      litellm: { baseURL: url, apiKey: 'sk-team' },
      onCall: (record) => void records.push(record),
      ...gateway,
    },
  })
  return { url, seen, records, client }
}
