import fc from 'fast-check'
import { encode } from 'gpt-tokenizer/encoding/o200k_base'
import { describe, expect, test, vi } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { countInput, countTexts, exceeds, inputSize, leastTokens } from './count.ts'

const tokens = (text: string) => encode(text, { disallowedSpecial: new Set() }).length
const chat = (...contents: Json[]): JsonObject => ({
  messages: contents.map((content) => ({ role: 'user', content })),
})
const ask = (body: JsonObject, limit: number, operation: Operation = 'chat') =>
  exceeds(operation, body, JSON.stringify(body), limit)

const soup = fc.string({ unit: 'grapheme', maxLength: 300 })
const words = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "don't",
        "'tis",
        "I'LL",
        'camelCase',
        'a/b',
        '1٣2',
        'naïve',
        '日本語',
        '<|endoftext|>',
        '\r\n',
        '\t\t ',
        'x'.repeat(900),
      ),
      fc.string({ unit: fc.constantFrom(..."abcXYZ012345'’ \n\r/.,!é٣日\u0301\ud83d"), maxLength: 12 }),
    ),
    { maxLength: 60 },
  )
  .map((words) => words.join(' '))
const texts = fc.oneof(
  soup,
  words,
  words.map((text) => text.replaceAll(' ', '')),
)
const bodies = fc.array(texts, { minLength: 1, maxLength: 4 }).map((contents) => chat(...contents))
const weird = fc.tuple(
  fc.constantFrom<Operation>('chat', 'responses', 'completions'),
  fc.dictionary(
    fc.constantFrom(
      'messages',
      'input',
      'instructions',
      'tools',
      'functions',
      'response_format',
      'text',
      'prompt',
    ),
    fc.jsonValue({ maxDepth: 5 }),
  ) as fc.Arbitrary<JsonObject>,
)

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

describe('exceeds', () => {
  test('is exact at the border', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const exact = await countInput('chat', body)
        expect(await ask(body, exact)).toBe(false)
        expect(await ask(body, exact - 1)).toBe(true)
      }),
      { numRuns: runs(300) },
    )
  })

  test('agrees with the count for any limit and any shape', async () => {
    await fc.assert(
      fc.asyncProperty(weird, fc.nat(60), async ([operation, body], limit) => {
        expect(await ask(body, limit, operation)).toBe((await countInput(operation, body)) > limit)
      }),
      { numRuns: runs(500) },
    )
  })

  test('grows with what is said', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, texts, fc.nat(400), async (body, more, limit) => {
        const longer = { messages: [...(body.messages as Json[]), { role: 'user', content: more }] }
        if (await ask(body, limit)) expect(await ask(longer, limit)).toBe(true)
      }),
      { numRuns: runs(100) },
    )
  })

  test('far from the border it answers at once, without the tokeniser', async () => {
    let loaded = false
    vi.resetModules()
    vi.doMock('gpt-tokenizer/encoding/o200k_base', async (original) => {
      loaded = true
      return await original()
    })
    const fresh = await import('./count.ts')
    const now = (body: JsonObject) => fresh.exceeds('chat', body, JSON.stringify(body), 2_000)
    expect(now(chat('hello'))).toBe(false)
    expect(now(chat('x'.repeat(1_990)))).toBe(false)
    expect(now(chat('many words '.repeat(1_100)))).toBe(true)
    expect(now(chat('0123456789'.repeat(700)))).toBe(true)
    expect(now(chat('a'.repeat(1_000_000)))).toBe(true)
    expect(now(chat(' '.repeat(1_000_000)))).toBe(true)
    expect(
      now(chat([{ type: 'image_url', image_url: { url: 'https://a.test/b.png', detail: 'low' } }])),
    ).toBe(true)
    expect(fresh.inputSize('chat', chat('hello'), '').estimate).toBeGreaterThan(0)
    expect(loaded).toBe(false)
    expect(now(chat('a'.repeat(3_000)))).toBeInstanceOf(Promise)
    await now(chat('a'.repeat(3_000)))
    expect(loaded).toBe(true)
    vi.doUnmock('gpt-tokenizer/encoding/o200k_base')
  })

  test('embeddings never do', () => {
    expect(ask({ input: 'many words '.repeat(10_000) }, 10, 'embeddings')).toBe(false)
  })

  test('nesting deeper than JSON can be written does not throw', async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`) as JsonObject
    const body = { ...chat('hi'), tools: [deep], response_format: { type: 'json_schema', json_schema: deep } }
    expect(await exceeds('chat', body, '"tools"', 2_000)).toBe(true)
    expect(inputSize('chat', body, '').bound).toBeGreaterThan(20_000)
  })
})

describe('bounds', () => {
  test('no text has fewer tokens than its bound from below', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(leastTokens([text], Number.POSITIVE_INFINITY)).toBeLessThanOrEqual(tokens(text))
      }),
      { numRuns: runs(2_000) },
    )
  })

  test.each([
    ['digits joined by a digit beyond ASCII', '1٣2'],
    ['letters joined by one beyond ASCII', 'naïve'],
    ['a contraction', "it's"],
    ['the longest token there is', ' '.repeat(128)],
  ])('%s: the bound from below holds', (_, text) => {
    expect(leastTokens([text], Number.POSITIVE_INFINITY)).toBe(1)
    expect(tokens(text)).toBeGreaterThanOrEqual(1)
    expect(leastTokens([text.repeat(50)], Number.POSITIVE_INFINITY)).toBeLessThanOrEqual(
      tokens(text.repeat(50)),
    )
  })

  test('nothing counts more than its bound from above', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          weird,
          bodies.map((body) => ['chat', body] as [Operation, JsonObject]),
        ),
        async ([operation, body]) => {
          expect(inputSize(operation, body, JSON.stringify(body)).bound).toBeGreaterThanOrEqual(
            await countInput(operation, body),
          )
        },
      ),
      { numRuns: runs(500) },
    )
  })

  test('an image is held at its tiles, not at its bytes', () => {
    const url = `data:image/png;base64,${'A'.repeat(1_000_000)}`
    const body = chat([{ type: 'image_url', image_url: { url, detail: 'low' } }])
    expect(inputSize('chat', body, JSON.stringify(body)).bound).toBeLessThan(3_100)
  })

  test('an unmeasured image counts at the largest size', () => {
    const body = chat([{ type: 'image_url', image_url: { url: 'https://a.test/b.png' } }])
    expect(inputSize('chat', body, JSON.stringify(body)).bound).toBeGreaterThan(2_833 + 8 * 5_667)
    expect(inputSize('chat', body, '').estimate).toBeLessThan(2_833 + 5 * 5_667)
  })

  test('what comes from elsewhere fills the window', () => {
    const bound = (body: JsonObject) => inputSize('responses', body, JSON.stringify(body)).bound
    const own = { type: 'function', name: 'f' }
    expect(bound({ input: 'hi', tools: [own] })).toBeLessThan(1_000)
    for (const more of [
      { previous_response_id: 'resp_1' },
      { conversation: 'conv_1' },
      { tools: [own, { type: 'web_search' }] },
    ]) {
      expect(bound({ input: 'hi', ...more })).toBeGreaterThan(128_000)
      expect(bound({ input: 'hi', model: 'gpt-4.1', ...more })).toBeGreaterThan(1_000_000)
    }
  })

  test('the estimate of prose is near its count', async () => {
    const body = chat('The quick brown fox jumps over the lazy dog, again and again. '.repeat(100))
    const exact = await countInput('chat', body)
    expect(inputSize('chat', body, JSON.stringify(body)).estimate / exact).toBeGreaterThan(0.8)
    expect(inputSize('chat', body, JSON.stringify(body)).estimate / exact).toBeLessThan(1.25)
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
