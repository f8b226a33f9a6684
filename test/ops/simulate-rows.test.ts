import { expect, test } from 'vitest'
import { csvLine, csvTitles } from '../../packages/ops/src/usage/csv.ts'
import { llmGateway } from '../command.ts'
import { temporaryFile } from '../temporary.ts'

type Outcome = {
  name: string
  calls: number
  exact: number
  upstream: number
  refused: Record<string, number>
  costUsd: number
  days: Record<string, number>
  teamDays: Record<string, Record<string, number>>
  agents: Record<string, { calls: number; hits: number; costUsd: number }>
  budgetMet: object[]
}

const policyWith = (fields: object = {}, team: object = {}) =>
  temporaryFile(
    'policy.json',
    JSON.stringify({
      defaultServiceTier: 'default',
      routing: { default: 'small' },
      models: { small: { input: 1, output: 2, maxOutput: 1_000 } },
      teams: { first: { agents: ['one', 'two'], ...team }, second: { agents: ['three'] } },
      ...fields,
    }),
  )
const MINUTE_MS = 60_000
/** A call that costs a fifth of a cent. */
const past = (minute: number, fields: object = {}) => ({
  at: Date.UTC(2026, 10, 2) + minute * MINUTE_MS,
  agent: 'one',
  team: 'first',
  model: 'small',
  input_tokens: 1_000,
  output_tokens: 500,
  latency_ms: 100,
  status: 'ok',
  cache: 'miss',
  cost_usd: 0.002,
  ...fields,
})
const jsonl = (rows: readonly object[]) =>
  temporaryFile('calls.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'))

/** Plays calls. Returns what happened, and what would have happened under the policy. */
async function played(file: string, policy = policyWith()): Promise<[recorded: Outcome, under: Outcome]> {
  const { code, out, err } = await llmGateway(['simulate', '--json', file, '--policy', policy], {})
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const { outcomes } = JSON.parse(out) as { outcomes: [Outcome, Outcome, Outcome] }
  return [outcomes[0], outcomes[2]]
}

const shared = { cache: { shared: true } }
test.each([
  ['agents of a team share answers', { agent: 'two' }, {}, 1],
  ['teams share none', { agent: 'three', team: 'second' }, {}, 0],
  ['teams share answers where the policy lets them', { agent: 'three', team: 'second' }, shared, 1],
  ['another operation is another question', { operation: 'completions', model_asked: 'small' }, {}, 0],
  ['another model is another question', { model_asked: 'extra', model: 'extra' }, {}, 0],
])('%s', async (_, fields, policy, exact) => {
  const rows = [past(0, { question: 'q' }), past(1, { question: 'q', ...fields })]
  const models = {
    small: { input: 1, output: 2, maxOutput: 9 },
    extra: { input: 1, output: 2, maxOutput: 9 },
  }
  const [, under] = await played(jsonl(rows), policyWith({ models, ...policy }))
  expect(under).toMatchObject({ calls: 2, exact, upstream: 2 - exact })
})

test.each([
  ['another agent of its team', { agent: 'two' }, {}],
  ['another team, where teams share', { agent: 'three', team: 'second' }, shared],
])('a hit is joined by its age to the call of %s', async (_, fields, policy) => {
  const hit = { cache: 'exact', age_ms: 10 * MINUTE_MS, latency_ms: 2, cost_usd: 0, saved_usd: 0.002 }
  const rows = [past(0), { ...past(10), ...hit, ...fields }]
  const [recorded, under] = await played(jsonl(rows), policyWith(policy))
  expect(recorded).toMatchObject({ exact: 1, upstream: 1 })
  expect(under).toMatchObject({ exact: 1, upstream: 1 })
})

test('a question of a trace is no question of a call without one, whatever its text', async () => {
  const names = ['q1', 'row 1', 'alone 1', 'asked q1', '{"alone":"1"}', '']
  const rows = [past(0), ...names.map((question, at) => past(at + 1, { question }))]
  const [, under] = await played(jsonl(rows))
  expect(under).toMatchObject({ calls: rows.length, exact: 0, upstream: rows.length })
})

const failed = { status: 'failed', cost_usd: 0, error: 'http_503' }
const bare = { input_tokens: undefined, output_tokens: undefined }
test.each([
  ['without tokens', { ...failed, ...bare }],
  ['without tokens and cost', { ...failed, ...bare, cost_usd: undefined }],
  ['with none used, as the gateway records it', { ...failed, input_tokens: 0, output_tokens: 0 }],
  ['that its caller left before upstream began', { ...failed, ...bare, status: 'aborted' }],
])('a failed call %s costs nothing, and leaves the budget and the means as they were', async (_, fields) => {
  const rows = [
    past(0),
    ...Array.from({ length: 200 }, (_, at) => past(1 + at / 60, fields)),
    ...Array.from({ length: 10 }, (_, at) => past(60 + at)),
    // Its size is not known: the mean of its agent's answers is assumed.
    past(80, bare),
  ]
  const [recorded, under] = await played(jsonl(rows), policyWith({}, { usdPerDay: 0.03 }))
  expect(recorded.costUsd).toBeCloseTo(0.024, 9)
  expect(under).toMatchObject({ calls: 212, refused: {}, budgetMet: [] })
  expect(under.costUsd).toBeCloseTo(0.024, 9)
})

test('a failed call holds what it may use at most until its end', async () => {
  const policy = policyWith({}, { usdPerDay: 0.005 })
  const slow = { ...failed, ...bare, latency_ms: 5 * MINUTE_MS }
  const [, during] = await played(jsonl([past(0), past(1, slow), past(2)]), policy)
  expect(during).toMatchObject({ upstream: 2, refused: { gateway_daily_usd_exceeded: 1 } })
  const [, after] = await played(jsonl([past(0), past(1, slow), past(7)]), policy)
  expect(after).toMatchObject({ upstream: 3, refused: {} })
})

test('a failed call that was billed costs what it used', async () => {
  const [, under] = await played(jsonl([past(0), past(1, { status: 'failed', cost_usd: 0.002 })]))
  expect(under.costUsd).toBeCloseTo(0.004, 9)
})

/** Members of every object, and names that set its prototype. */
const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']
test.each(NAMES)('%s is a name like any other of teams, agents, models, caches and errors', async (name) => {
  const rows = [
    past(0, { team: name }),
    past(1, { agent: name, cache: name }),
    past(2, { status: 'refused', error: name, cost_usd: 0, question: name }),
    past(3, { route: name, bypass: name, question: name }),
  ]
  const file = jsonl(rows)
  const [recorded, under] = await played(file)
  expect(recorded).toMatchObject({ calls: 4, upstream: 3, exact: 0 })
  expect(Object.entries(recorded.refused)).toEqual([[name, 1]])
  expect(recorded.costUsd).toBeCloseTo(0.006, 9)
  for (const outcome of [recorded, under]) {
    expect(Object.values(outcome.days)).toEqual([outcome.costUsd])
    expect(Object.keys(outcome.teamDays).toSorted()).toEqual(['first', name].toSorted())
    expect(Object.entries(outcome.agents)).toContainEqual([name, expect.objectContaining({ calls: 1 })])
  }
  const { out } = await llmGateway(['simulate', file, '--policy', policyWith()], {})
  expect(out).toContain(`        1  ${name}`)
  expect(out).not.toMatch(/NaN|function|undefined/)
})

test.each(['@cf/meta/llama', '=x', "'=x", "''=x", "'x", '-1', '\u200b+x', 'a,"b"'])(
  'a model named %j is the same after the way through CSV',
  async (name) => {
    const row = past(0, { model: name, model_asked: name, team: name })
    const columns = Object.keys(row)
    const file = temporaryFile('calls.csv', csvTitles(columns) + csvLine(row, columns))
    const models = { [name]: { input: 1, output: 2, maxOutput: 1_000 } }
    const policy = policyWith({ models, routing: { default: name }, teams: { [name]: { agents: ['one'] } } })
    const [recorded, under] = await played(file, policy)
    expect(Object.keys(recorded.teamDays)).toEqual([name])
    expect(under).toMatchObject({ upstream: 1, refused: {} })
    expect(under.costUsd).toBeCloseTo(0.002, 9)
  },
)

test('a file of JSON lines may begin with a byte order mark', async () => {
  const file = temporaryFile('calls.jsonl', `\ufeff${JSON.stringify(past(0))}\n`)
  expect((await played(file))[0]).toMatchObject({ calls: 1 })
})

const ROW = 'at,agent,team,latency_ms\n2026-11-01T00:00:00Z,one,first,1\n'
test.each([
  ['calls.jsonl', JSON.stringify(past(0, { at: 1e300 })), 'line 1: at: must be a time'],
  ['calls.jsonl', JSON.stringify(past(0, { at: true })), 'line 1: at: must be a time'],
  ['calls.jsonl', JSON.stringify(past(0, { at: '' })), 'line 1: at: must be a time'],
  ['calls.jsonl', JSON.stringify(past(0, { at: '+200000-01-01' })), 'line 1: at: must be a time'],
  ['calls.jsonl', JSON.stringify(past(0, { at: 1_790_000_000 })), 'line 1: at: must be a time'],
  ['calls.jsonl', JSON.stringify(past(0, { at: '20261101' })), 'line 1: at: must be a time'],
  ['calls.jsonl', JSON.stringify(past(0, { latency_ms: 1e300 })), 'line 1: latency_ms: '],
  ['calls.jsonl', JSON.stringify(past(0, { latency_ms: true })), 'line 1: latency_ms: '],
  ['calls.jsonl', JSON.stringify(past(0, { latency_ms: [] })), 'line 1: latency_ms: '],
  ['calls.csv', ROW.replace('latency_ms', 'agent'), 'row 1: column agent stands twice.'],
  ['calls.csv', `${ROW}1e300,one,first,1\n`, 'row 3: at: must be a time'],
  ['calls.csv', `${ROW}2026-11-01T00:00:00Z,"one"x,first,1\n`, 'line 3: this is not CSV. '],
  ['calls.csv', `${ROW}2026-11-01T00:00:00Z,one,first,1,2\n`, 'line 3: this is not CSV. '],
  ['calls.csv', `${ROW}2026-11-01T00:00:00Z,"one`, 'line 3: this is not CSV. '],
])('what is wrong in %s is told with its place: %s', async (name, text, message) => {
  const { code, out, err } = await llmGateway(['simulate', temporaryFile(name, text)], {})
  expect({ code, out, err }).toEqual({
    code: 2,
    out: '',
    err: expect.stringContaining(`${name}, ${message}`),
  })
})

test('a cell of blanks is absent, and a page does not overwrite the calls', async () => {
  const file = temporaryFile('calls.csv', ROW.replace(',1\n', ',  \n'))
  expect((await played(file))[0]).toMatchObject({ calls: 1 })
  const { code, err } = await llmGateway(['simulate', file, '--html', file], {})
  expect({ code, err }).toEqual({
    code: 2,
    err: expect.stringContaining('--html names the file of the calls'),
  })
  expect((await played(file))[0]).toMatchObject({ calls: 1 })
})

test('a file that is not there is named', async () => {
  const { code, err } = await llmGateway(['simulate', 'none.csv'], {})
  expect({ code, err }).toEqual({
    code: 2,
    err: expect.stringContaining('none.csv cannot be read (ENOENT).'),
  })
})

test('columns that are not read are named, but not those of an export', async () => {
  const file = jsonl([past(0, { tokens_in: 5, request_id: 'x', stream: false }), past(1, { lantency: 1 })])
  const { code, err } = await llmGateway(['simulate', file, '--policy', policyWith()], {})
  expect({ code, err }).toEqual({ code: 0, err: 'Columns that are not read: tokens_in, lantency.\n' })
})

test.each(['teams.nope.usdPerDay=1,5', 'models.huge.input=1'])(
  'a sweep of %s, which no call would meet, is refused',
  async (sweep) => {
    const played = await llmGateway(
      ['simulate', jsonl([past(0)]), '--policy', policyWith(), '--sweep', sweep],
      {},
    )
    expect(played).toMatchObject({ code: 2, err: expect.stringMatching(/the policy has no "\w+" among its/) })
  },
)

test.each([
  [{ agent: undefined }, 'agent: is missing'],
  [{ at: undefined }, 'at: is missing: it must be a time'],
  [{ input_tokens: 'many' }, 'input_tokens: must be a number from 0 to'],
])('%j is refused in words of its own', async (fields, words) => {
  const played = await llmGateway(['simulate', jsonl([past(0, fields)]), '--policy', policyWith()], {})
  expect(played).toMatchObject({ code: 2, err: expect.stringContaining(words) })
})
