import { expect, test } from 'vitest'
import { isPaid, matchBelowBase, pathBelowBase } from './endpoints.ts'

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

test.each([
  'https://api.openai.com/v1',
  'https://api.openai.com/v1/',
  'https://API.openai.com/v1',
  'HTTPS://api.openai.com/v1',
  'https://api.openai.com:443/v1',
  ' https://api.openai.com/v1',
  'https://api.openai.com/v1\n',
  'https://api.openai.com/x/../v1',
  'https://api.openai.com\\v1',
  'https://api.openai.com/%761',
])('a base of any spelling has its endpoints: %j', (base) => {
  // As the SDK makes addresses.
  const url = new URL(base + (base.endsWith('/') ? 'chat/completions' : '/chat/completions')).href
  const sent = url.replace('%76', 'v')
  expect(matchBelowBase(() => base)(sent)).toEqual({ operation: 'chat' })
  expect(pathBelowBase(() => base)(sent)).toBe('/chat/completions')
})
