import { expect, test } from 'vitest'
import { event, setup } from './test-setup.ts'

test('2.95.12 drops fields without a column, and merges the events of one observation', async () => {
  const { langfuse, ingest } = await setup({ version: '2.95.12' })
  await ingest(
    event('trace-create', {
      id: 't',
      name: 'support',
      tags: ['b', 'a'],
      metadata: { one: 1 },
      environment: 'prod',
    }),
    event('generation-create', {
      id: 'g',
      traceId: 't',
      model: 'm',
      usage: { input: 1, output: 1, total: 2 },
    }),
  )
  await ingest(
    event('trace-create', { id: 't', tags: ['c'], metadata: { two: 2 } }),
    event('generation-update', { id: 'g', level: 'ERROR', statusMessage: 'no' }),
  )
  expect(langfuse.traces.get('t')).toEqual({
    id: 't',
    name: 'support',
    tags: ['a', 'b', 'c'],
    metadata: { one: 1, two: 2 },
  })
  expect(langfuse.observations.get('g')).toMatchObject({
    traceId: 't',
    level: 'ERROR',
    statusMessage: 'no',
    tokens: { input: 1, output: 1, total: 2 },
  })
  expect(langfuse.malformed).toEqual([])
})

test('only the invalid events are rejected, each with a complaint under its id', async () => {
  const { langfuse, ingest } = await setup({ version: '2.95.12' })
  const wrong = event('generation-create', { id: 'a', startTime: 'yesterday', level: 'FATAL' })
  const response = await ingest(wrong, event('generation-create', { id: 'b' }), event('nonsense', {}))
  const { successes, errors } = await response.json()
  expect([response.status, successes.length, errors.length]).toEqual([207, 1, 2])
  expect(errors[0]).toMatchObject({ id: wrong.id, status: 400, message: 'Invalid request data' })
  expect(langfuse.malformed).toEqual([
    `${wrong.id}: startTime is no ISO time with a zone`,
    `${wrong.id}: level is not one of DEBUG, DEFAULT, WARNING, ERROR`,
    expect.stringContaining('type "nonsense" is unknown'),
  ])
})

test.each([
  ['environment "Prod" is kept as `default`', { environment: 'Prod' }, 'environment is no environment'],
  ['a misspelt field is lost', { costDetail: { total: 1 } }, 'costDetail is no field'],
  ['half a token', { usage: { input: 0.5 } }, 'usage input is no integer'],
  ['a negative cost', { costDetails: { total: -1 } }, 'costDetails .total is negative'],
  ['half a character', { input: ['a \ud83d'] }, 'holds half a character'],
  ['too long an id', { traceId: 'x'.repeat(801) }, 'traceId is longer than 800'],
])('%s: the checker complains', async (_, body, complaint) => {
  const { langfuse, ingest } = await setup({ version: '2.95.12' })
  await ingest(event('generation-create', { id: 'a', ...body }))
  expect(langfuse.malformed).toEqual([expect.stringContaining(complaint)])
})

test('a batch over 4.5 MB is a 413 in plain text, a wrong key a 401, no JSON a 400', async () => {
  const { langfuse, ingest, post } = await setup({ version: '2.95.12' })
  const large = await ingest(event('trace-create', { id: 't', input: 'x'.repeat(4.6 * 1024 * 1024) }))
  expect([large.status, await large.text()]).toEqual([413, 'Body exceeded 4.5mb limit'])
  const path = '/api/public/ingestion'
  const wrong = await post(path, { batch: [] }, { headers: { authorization: `Basic ${btoa('pk:sk')}` } })
  expect([wrong.status, (await wrong.json()).error]).toEqual([401, 'UnauthorizedError'])
  expect((await post(path, '{nonsense')).status).toBe(400)
  expect((await post(path, {})).status).toBe(400)
  expect((await post('/api/public/otel/v1/traces', {})).status).toBe(404)
  expect(langfuse.traces.size).toBe(0)
})

test.each(['2.95.12', '4.16.0'] as const)(
  '%s stores scores of either endpoint once for each id',
  async (version) => {
    const { langfuse, ingest, post } = await setup({ version })
    const score = { id: 's', traceId: 't', name: 'cache', value: 'exact', dataType: 'CATEGORICAL' }
    await ingest(event('score-create', score))
    const response = await post('/api/public/scores', { ...score, value: 'miss' })
    expect([response.status, await response.json()]).toEqual([200, { id: 's' }])
    expect([...langfuse.scores.values()]).toEqual([
      { id: 's', traceId: 't', name: 'cache', stringValue: 'miss', dataType: 'CATEGORICAL' },
    ])
    expect((await post('/api/public/scores', { ...score, value: 1 })).status).toBe(400)
    expect(langfuse.malformed).toEqual(['s: value 1 is no CATEGORICAL score'])
  },
)

test('2.95.12 removes every NUL before it stores', async () => {
  const { langfuse, ingest } = await setup({ version: '2.95.12' })
  await ingest(event('trace-create', { id: 't', input: ['A\0hallo'], metadata: { key: 'b\0' } }))
  expect(langfuse.traces.get('t')).toMatchObject({ input: ['Ahallo'], metadata: { key: 'b' } })
})
