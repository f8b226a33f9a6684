import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { setup, span } from './test-setup.ts'

const generation = {
  'langfuse.observation.type': 'generation',
  'langfuse.observation.model.name': 'gpt-4o-mini',
  'langfuse.observation.model.parameters': '{"temperature":0.2}',
  'langfuse.observation.input': '[{"role":"user","content":"x"}]',
  'langfuse.observation.output': 'y',
  'langfuse.observation.level': 'WARNING',
  'langfuse.observation.metadata.similarity': 0.93,
  'langfuse.trace.name': 'support',
  'langfuse.trace.tags': ['cache:exact', 'night'],
  'langfuse.trace.metadata.route': 'escalated',
  'user.id': 'prod_customer',
  'session.id': 's1',
  'langfuse.environment': 'production',
}

test('a span becomes an observation, and its trace attributes a trace', async () => {
  const { langfuse, ...server } = await setup()
  const sent = span(generation)
  expect((await server.export(sent)).status).toBe(200)
  expect(langfuse.malformed).toEqual([])
  expect(langfuse.observations.get(sent.spanId)).toMatchObject({
    type: 'GENERATION',
    name: 'chat',
    model: 'gpt-4o-mini',
    modelParameters: { temperature: 0.2 },
    input: [{ role: 'user', content: 'x' }],
    output: 'y',
    level: 'WARNING',
    metadata: { similarity: 0.93, route: 'escalated' },
    startTime: '2026-09-21T14:13:20.000Z',
    endTime: '2026-09-21T14:13:21.500Z',
  })
  expect(langfuse.traces.get(sent.traceId)).toMatchObject({
    name: 'support',
    userId: 'prod_customer',
    sessionId: 's1',
    tags: ['cache:exact', 'night'],
    environment: 'production',
  })
})

test('one span without an id makes the whole export rejected', async () => {
  const { langfuse, ...server } = await setup()
  const response = await server.export(span(generation), span(generation, { spanId: null }))
  expect(response.status).toBe(400)
  expect((await response.json()).error).toContain('1 of 2 span(s) cannot be processed (spanId:absent)')
  expect(langfuse.observations.size).toBe(0)
})

test('an export may be gzipped, and its size is that on the wire', async () => {
  const { langfuse, post } = await setup()
  const body = gzipSync(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span(generation)] }] }] }))
  await post('/api/public/otel/v1/traces', '', { body, headers: { 'content-encoding': 'gzip' } })
  expect(langfuse.requests).toMatchObject([{ status: 200, events: 1, bytes: body.length }])
  expect(langfuse.observations.size).toBe(1)
})

test.each([
  ['a short trace id', {}, { traceId: 'abc' }, 'traceId is not 32'],
  ['seconds for nanoseconds', {}, { startTimeUnixNano: '1790000000' }, 'not in nanoseconds'],
  ['tags as text', { 'langfuse.trace.tags': 'a,b' }, {}, 'tags is no list'],
  [
    'usage that is not JSON',
    { 'langfuse.observation.usage_details': 'ten' },
    {},
    'usage_details is not JSON',
  ],
  [
    'a cost below nothing',
    { 'langfuse.observation.cost_details': '{"total":-1}' },
    {},
    'something else than amounts',
  ],
  ['a misspelt attribute', { 'langfuse.observation.modelname': 'x' }, {}, 'no attribute Langfuse reads'],
])('%s is accepted, with a complaint', async (_, attributes, fields, complaint) => {
  const { langfuse, ...server } = await setup()
  expect((await server.export(span(attributes, fields))).status).toBe(200)
  expect(langfuse.malformed).toEqual([expect.stringContaining(complaint)])
})
