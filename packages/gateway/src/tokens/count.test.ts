import fc from 'fast-check'
import { encode } from 'gpt-tokenizer/encoding/o200k_base'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { chat, texts } from '../../../../test/texts.ts'
import { countInput, countTexts, exceeds } from './count.ts'

const tokens = (text: string) => encode(text, { disallowedSpecial: new Set() }).length

describe('counting', () => {
  test('agrees with the examples of the OpenAI cookbook', async () => {
    const messages = [
      {
        role: 'system',
        content:
          'You are a helpful, pattern-following assistant that translates corporate jargon into plain English.',
      },
      { role: 'system', name: 'example_user', content: 'New synergies will help drive top-line growth.' },
      {
        role: 'system',
        name: 'example_assistant',
        content: 'Things working well together will increase revenue.',
      },
      {
        role: 'system',
        name: 'example_user',
        content:
          "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
      },
      {
        role: 'system',
        name: 'example_assistant',
        content: "Let's talk later when we're less busy about how to do better.",
      },
      {
        role: 'user',
        content: "This late pivot means we don't have time to boil the ocean for the client deliverable.",
      },
    ]
    expect(await countInput('chat', { messages })).toBe(124)

    const weather = {
      name: 'get_current_weather',
      description: 'Get the current weather in a given location',
      parameters: {
        type: 'object',
        properties: {
          location: { type: 'string', description: 'The city and state, e.g. San Francisco, CA' },
          unit: {
            type: 'string',
            description: 'The unit of temperature to return',
            enum: ['celsius', 'fahrenheit'],
          },
        },
        required: ['location'],
      },
    }
    const system = 'You are a helpful assistant that can answer to questions about the weather.'
    const user = "What's the weather like in San Francisco?"
    const asked = [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ]
    expect(
      await countInput('chat', { messages: asked, tools: [{ type: 'function', function: weather }] }),
    ).toBe(101)
    expect(await countInput('chat', { messages: asked, functions: [weather] })).toBe(101)
    const flat = {
      instructions: system,
      input: user,
      tools: [{ type: 'function', ...weather, strict: true }],
    }
    expect(await countInput('responses', flat)).toBe(101)
  })

  test('functions with nested parameters count as their JSON', async () => {
    const declared = {
      name: 'f',
      parameters: { type: 'object', properties: { a: { type: 'array', items: {} } } },
    }
    const plain = await countInput('chat', chat('hi'))
    expect(
      await countInput('chat', { ...chat('hi'), tools: [{ type: 'function', function: declared }] }),
    ).toBe(plain + 7 + tokens(JSON.stringify(declared)) + 12)
  })

  test('a schema for the answer counts as its JSON', async () => {
    const schema = { name: 'city', schema: { type: 'object', properties: { name: { type: 'string' } } } }
    const plain = await countInput('chat', chat('hi'))
    const asked = { ...chat('hi'), response_format: { type: 'json_schema', json_schema: schema } }
    expect(await countInput('chat', asked)).toBe(plain + tokens(JSON.stringify(schema)))
    const flat = { input: 'hi', text: { format: { type: 'json_schema', ...schema } } }
    expect(await countInput('responses', flat)).toBe(plain + tokens(JSON.stringify(schema.schema)))
  })

  test('prompts and embeddings count their texts and tokens, nothing else', async () => {
    expect(await countInput('completions', { prompt: 'hello world' })).toBe(2)
    expect(await countInput('completions', { prompt: ['hello world', [1, 2, 3]] })).toBe(5)
    expect(await countInput('embeddings', { input: [1, 2, 3] })).toBe(3)
    expect(await countInput('embeddings', { input: ['hello', 'hello world'] })).toBe(3)
  })

  test('names of special tokens are text like any other', async () => {
    expect(await countTexts(['<|endoftext|>'])).toBe(7)
    expect(await countTexts(['a <|im_start|> b'])).toBe(tokens('a <|im_start|> b'))
  })

  test('a text without endless words is counted as o200k does', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        fc.pre(!/\S{500}|\s{500}/.test(text))
        expect(await countTexts([text])).toBe(tokens(text))
      }),
      { numRuns: runs(200) },
    )
  })
})

describe('hostile texts', () => {
  // Numerical Recipes' generator: no part of the word comes twice, so that nothing is counted from memory.
  let seed = 1
  const letter = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return String.fromCharCode(97 + ((seed >>> 16) % 26))
  }
  const letters = Array.from({ length: 100_000 }, letter).join('')
  test.each([
    ['one letter', 'a'.repeat(200_000)],
    ['capitals', 'A'.repeat(200_000)],
    ['spaces', ' '.repeat(200_000)],
    ['marks', '='.repeat(200_000)],
    ['one long word', letters],
    ['emoji', '👩‍👩‍👧'.repeat(10_000)],
    ['words just short of long', `${'b'.repeat(511)} `.repeat(400)],
  ])('%s: decided quickly, and counted no lower than by o200k on a part', async (_, text) => {
    await countTexts(['warm'])
    const start = performance.now()
    await exceeds('chat', chat(text), '', 50_000)
    expect(performance.now() - start).toBeLessThan(1_000)
    const piece = text.slice(0, 3_000)
    expect(await countTexts([piece])).toBeGreaterThanOrEqual(tokens(piece))
  })

  test('a long run is never cut through a character', async () => {
    // One mark before it makes every even cut fall into the middle of an emoji.
    const text = `!${'😀'.repeat(600)}`
    expect(await countTexts([text])).toBe(tokens(text))
  })

  test('counting lets timers run meanwhile', async () => {
    let ticks = 0
    const timer = setInterval(() => (ticks += 1), 1)
    await countTexts([letters])
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(2)
  })
})
