import { expect, test } from 'vitest'
import { isPaid } from './endpoints.ts'

const BASES = ['https://api.openai.com/v1', 'https://x.openai.azure.com/openai', 'http://127.0.0.1:4000']
const at = (path: string) => BASES.map((base) => `${base}${path}`)

test.each([
  '/images/generations',
  '/audio/speech',
  '/batches',
  '/videos/v_1/remix',
  '/fine_tuning/jobs',
  '/responses/compact',
  '/decisions',
  '/live/sessions/s_1/accept',
  '/agents/sessions',
  '/chatkit/sessions',
  '/containers',
  '/vector_stores/vs_1/search',
  '/vector_stores/vs_1/files',
  // Governed paths in another spelling, which some servers accept.
  '/embeddings/',
  '//embeddings',
  '/EMBEDDINGS',
  '/chat%2Fcompletions',
  '/a-family-of-tomorrow/run',
])('a POST to %s may cost money', (path) => {
  for (const url of at(path)) expect(isPaid('POST', url), url).toBe(true)
})

test.each([
  '/files',
  '/uploads/u_1/parts',
  '/moderations',
  '/conversations',
  '/conversations/c_1/items',
  '/organization/projects',
  '/webhook_endpoints',
])('a POST to %s costs nothing', (path) => {
  for (const url of at(path)) expect(isPaid('POST', url), url).toBe(false)
})

test.each(['GET', 'DELETE'])('%s costs nothing', (method) => {
  for (const url of at('/images/generations')) expect(isPaid(method, url)).toBe(false)
})
