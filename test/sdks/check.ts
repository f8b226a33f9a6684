// Runs in a folder with one SDK and its example as agent.ts, against a fake OpenAI of its own. Prints what it saw as JSON.
import assert from 'node:assert/strict'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'

const upstream = await startFakeOpenAI()
process.env.OPENAI_BASE_URL = upstream.baseURL
process.env.OPENAI_API_KEY = 'test-key'

const agent = await import('./agent.ts')
const { gateway, text, stream, structured, embed } = agent
const seen: Record<string, unknown> = {}

const cases: Record<string, () => Promise<void>> = {
  usual,
  aborted,
  refused,
  'refused stream': refusedStream,
}
await cases[process.env.CASE ?? 'usual']?.()
console.log(JSON.stringify(seen))
await gateway.close()
await upstream.close()

async function collected(prompt: string): Promise<string> {
  let all = ''
  for await (const part of stream(prompt)) all += part
  return all
}

/** @returns 'hit' if upstream was not asked. */
async function again(ask: () => Promise<string>, expected: string): Promise<string> {
  const before = upstream.count()
  assert.equal(await ask(), expected)
  return upstream.count() === before ? 'hit' : 'asked again'
}

async function usual() {
  const whole = await text('What is a brake pad?')
  assert.ok(whole.length > 0)
  seen.text = await again(() => text('What is a brake pad?'), whole)

  const streamed = await collected('Tell me about brake fluid.')
  assert.ok(streamed.length > 0)
  seen.stream = await again(() => collected('Tell me about brake fluid.'), streamed)

  // Each SDK calls tools in a manner of its own; instructor has none.
  if ('withTool' in agent) {
    const results = await agent.withTool(
      'Use order_status: where is order 1234?',
      (id) => `order ${id} has left`,
    )
    assert.match(results.join(), /^order .* has left$/)
    seen.tools = true
  }

  const order = await structured('Read the order: 2 brake pads, order A-17.')
  assert.equal(typeof order.id, 'string')
  assert.ok(order.lines.every(({ part, count }) => typeof part === 'string' && typeof count === 'number'))
  seen.structured = true

  assert.equal((await embed('brake pads')).length, 3072)
  seen.embeddings = true
}

/** Upstream sees that the caller has left, and the record says so. */
async function aborted() {
  upstream.fail({ type: 'hang' })
  const controller = new AbortController()
  const ended = Promise.resolve(text('Is this ever answered?', controller.signal)).then(
    (answer: string) => (answer === '' ? 'no text' : 'text'),
    () => 'error',
  )
  await until(() => upstream.requests.length > 0)
  controller.abort()
  seen.told = await ended
  await until(() => upstream.requests[0]?.aborted === true)
  await gateway.flush()
  seen.aborted = gateway.stats().aborted
}

/** The team may make one call a minute. */
async function refused() {
  await text('What is a brake pad?')
  seen.error = await text('What is brake fluid?').then(
    () => 'none',
    (error: unknown) => codeOf(error),
  )
  await gateway.flush()
  seen.attempts = gateway.stats().refused
}

async function refusedStream() {
  await text('What is a brake pad?')
  seen.error = await collected('What is brake fluid?').then(
    (answer) => `none: ${JSON.stringify(answer)}`,
    (error: unknown) => codeOf(error),
  )
  await gateway.flush()
  seen.attempts = gateway.stats().refused
}

/** Finds the refusal's code wherever the SDK puts it. */
function codeOf(error: unknown): string {
  const told =
    error instanceof Error ? JSON.stringify([error.message, { ...error }, error.cause]) : String(error)
  return (
    /gateway_[a-z_]+/.exec(told)?.[0] ??
    (/requests per minute/.test(told) ? 'told in words' : told.slice(0, 300))
  )
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
