import { calcPrice } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { formatUsd, type NanoUsd, nanoUsd, usd } from '../core/money.ts'
import type { Usage } from '../core/usage.ts'
import { hotdash } from '../policy/hotdash.ts'
import { createPriceBook } from './price-book.ts'

const none: Usage = { input: 0, cachedInput: 0, audioInput: 0, output: 0, reasoning: 0, audioOutput: 0 }
const million = { input: 1_000_000, output: 1_000_000 }
const book = createPriceBook(hotdash.models)
const bare = createPriceBook({})

describe('published prices', () => {
  test.each<[string, Partial<Usage>, string | undefined, number | undefined]>([
    ['gpt-4o-mini', million, undefined, 0.75],
    ['gpt-4o-mini', { ...million, cachedInput: 1_000_000 }, undefined, 0.675],
    ['gpt-4o', million, undefined, 12.5],
    ['gpt-4o', { ...million, cachedInput: 400_000 }, undefined, 12],
    ['gpt-4o-2024-08-06', million, undefined, 12.5],
    ['gpt-4o-2024-05-13', million, undefined, 20],
    ['gpt-4.1', { input: 1_000_000, cachedInput: 1_000_000 }, undefined, 0.5],
    ['gpt-4.1-mini', million, undefined, 2],
    ['gpt-4.1-nano', million, undefined, 0.5],
    ['o3', { ...million, reasoning: 900_000 }, undefined, 10],
    ['o4-mini', million, undefined, 5.5],
    ['gpt-5', million, undefined, 11.25],
    ['gpt-5-nano', { input: 1_000_000, cachedInput: 1_000_000 }, undefined, 0.005],
    ['gpt-5.4', { input: 100_000, output: 1_000 }, undefined, 0.265],
    ['gpt-5.4', { input: 300_000, output: 1_000 }, undefined, 1.5225],
    ['gpt-5.4', { input: 271_999 }, undefined, 0.6799975],
    ['gpt-5.4', { input: 272_000 }, undefined, 1.36],
    ['gpt-audio', { input: 10, cachedInput: 10, audioInput: 10 }, undefined, 0.000025],
    ['gpt-audio', { ...million, audioInput: 1_000_000, audioOutput: 1_000_000 }, undefined, 96],
    ['gpt-3.5-turbo-instruct', million, undefined, 3.5],
    ['text-embedding-3-small', { input: 1_000_000 }, undefined, 0.02],
    ['text-embedding-3-large', { input: 1_000_000 }, undefined, 0.13],
    ['ft:gpt-4o-mini-2024-07-18:acme::abc', million, undefined, 1.5],
    ['gpt-4o', million, 'default', 12.5],
    ['gpt-4o', million, 'auto', 12.5],
    ['o3', million, 'flex', 5],
    ['gpt-4o', million, 'batch', 6.25],
    ['gpt-4o', million, 'priority', 21.25],
    ['gpt-4o', { ...million, cachedInput: 1_000_000 }, 'priority', 19.125],
    ['gpt-4o-mini', million, 'priority', 1.25],
    ['o4-mini', million, 'priority', undefined],
    ['gpt-5.4', { input: 272_000 }, 'priority', undefined],
    ['gpt-4o', { ...million, hostedCalls: 1 }, undefined, undefined],
    ['gpt-4o', million, 'ultrafast', undefined],
    ['gpt-4o', million, 'constructor', undefined],
    ['gpt-4o', {}, undefined, 0],
    ['gpt-4o-audio-preview', { ...million, audioInput: 1 }, undefined, undefined],
    ['made-up', million, undefined, undefined],
    ['made-up', {}, undefined, undefined],
    ['constructor', million, undefined, undefined],
    ['__proto__', million, undefined, undefined],
    ['', million, undefined, undefined],
    [`gpt-4o${'x'.repeat(1_000)}`, million, undefined, undefined],
  ])('%s %o %s: %s', async (model, usage, tier, dollars) => {
    for (const prices of [book, bare]) {
      const cost = await prices.cost(model, { ...none, ...usage }, tier)
      expect(cost === undefined ? undefined : usd(cost)).toBe(dollars)
    }
  })

  test('agree with the library for any usage, large or small', async () => {
    const models = fc.constantFrom(
      'gpt-4o',
      'gpt-4.1-nano',
      'gpt-5',
      'gpt-5.4',
      'gpt-5.5',
      'o1-pro',
      'text-embedding-3-small',
    )
    const counts = fc.tuple(fc.nat(600_000), fc.nat(100_000), fc.double({ min: 0, max: 1, noNaN: true }))
    await fc.assert(
      fc.asyncProperty(models, counts, async (model, [input, output, part]) => {
        const cachedInput = Math.floor(input * part)
        const cost = await bare.cost(model, { ...none, input, output, cachedInput })
        const asked = { input_tokens: input, output_tokens: output, cache_read_tokens: cachedInput }
        const expected = calcPrice(asked, model, { providerId: 'openai' })?.total_price ?? Number.NaN
        // Every price of these models is a whole number of billionths; the library adds up floats.
        expect(cost).toBe(Math.round(expected * 1e9))
      }),
      { numRuns: runs(100) },
    )
  })
})

/**
 * US dollars per million tokens as OpenAI prints them, read 2026-11-23: standard, flex and batch from "Pricing"
 * (developers.openai.com/api/docs/pricing) and the models' own pages, priority from "Priority processing"
 * (openai.com/api-priority-processing). Copied by hand, not from the library. A dash: not offered, or not published.
 */
const PUBLISHED = `
  model                   tier      input   cached  output
  gpt-4o                  standard  2.50    1.25    10.00
  gpt-4o                  batch     1.25    0.625   5.00
  gpt-4o                  priority  4.25    2.125   17.00
  gpt-4o-2024-11-20       priority  4.25    2.125   17.00
  gpt-4o-2024-08-06       priority  4.25    2.125   17.00
  gpt-4o-2024-05-13       standard  5.00    5.00    15.00
  gpt-4o-2024-05-13       priority  8.75    8.75    26.25
  gpt-4o-mini             standard  0.15    0.075   0.60
  gpt-4o-mini             batch     0.075   0.0375  0.30
  gpt-4o-mini             priority  0.25    0.125   1.00
  gpt-4o-mini-2024-07-18  priority  0.25    0.125   1.00
  gpt-4.1                 standard  2.00    0.50    8.00
  gpt-4.1                 batch     1.00    0.25    4.00
  gpt-4.1                 priority  3.50    0.875   14.00
  gpt-4.1-mini            standard  0.40    0.10    1.60
  gpt-4.1-mini            priority  0.70    0.175   2.80
  gpt-4.1-nano            standard  0.10    0.025   0.40
  gpt-4.1-nano            priority  0.20    0.05    0.80
  gpt-5                   standard  1.25    0.125   10.00
  gpt-5                   flex      0.625   0.0625  5.00
  gpt-5                   priority  2.50    0.25    20.00
  gpt-5-2025-08-07        fast      2.50    0.25    20.00
  gpt-5-mini              standard  0.25    0.025   2.00
  gpt-5-mini              flex      0.125   0.0125  1.00
  gpt-5-mini              priority  0.45    0.045   3.60
  gpt-5-nano              standard  0.05    0.005   0.40
  gpt-5-nano              flex      0.025   0.0025  0.20
  gpt-5.1                 standard  1.25    0.125   10.00
  gpt-5.1                 priority  2.50    0.25    20.00
  gpt-5.2                 standard  1.75    0.175   14.00
  gpt-5.2                 priority  3.50    0.35    28.00
  gpt-5.4                 standard  2.50    0.25    15.00
  gpt-5.4                 priority  5.00    0.50    30.00
  gpt-5.4-mini            standard  0.75    0.075   4.50
  gpt-5.4-mini            priority  1.50    0.15    9.00
  gpt-5.5                 standard  5.00    0.50    30.00
  gpt-5.5                 priority  12.50   1.25    75.00
  o1                      standard  15.00   7.50    60.00
  o3                      standard  2.00    0.50    8.00
  o3                      flex      1.00    0.25    4.00
  o3                      priority  3.50    0.875   14.00
  o3-mini                 standard  1.10    0.55    4.40
  o4-mini                 standard  1.10    0.275   4.40
  o4-mini                 flex      0.55    0.1375  2.20
  text-embedding-3-small  standard  0.02    0.02    0
  text-embedding-3-small  batch     0.01    0.01    0
  text-embedding-3-large  standard  0.13    0.13    0
  text-embedding-3-large  batch     0.065   0.065   0
  text-embedding-ada-002  standard  0.10    0.10    0
`
const published = PUBLISHED.trim()
  .split('\n')
  .slice(1)
  .map((line) => line.trim().split(/\s+/))

/** Token counts small enough that no digit of a price is lost in rounding, and no input is a long one. */
const MANY = 200_000
test.each(published)('%s, %s: %s for input, %s for cached input, %s for output', async (...row) => {
  const [model = '', tier, ...prices] = row
  const usages = [{ input: MANY }, { input: MANY, cachedInput: MANY }, { output: MANY }]
  for (const [at, usage] of usages.entries())
    for (const book of [createPriceBook(hotdash.models), createPriceBook({})])
      expect(await book.cost(model, { ...none, ...usage }, tier)).toBe(
        Math.round(Number(prices[at]) * MANY * 1_000),
      )
})

describe('whole calls, reckoned by hand', () => {
  // 1,000 − 200 plain at 2.50, 200 cached at 1.25, 300 written at 10.00 = 2,000 + 250 + 3,000 thousand n$.
  test('cached input is part of the input', async () => {
    expect(await book.cost('gpt-4o', { ...none, input: 1_000, cachedInput: 200, output: 300 })).toBe(
      5_250_000,
    )
  })

  // 10 at 1.10 and 2,010 at 4.40, of which 2,000 were thought and not said: 11 + 8,844 thousand n$.
  test('reasoning is part of the output', async () => {
    expect(await book.cost('o4-mini', { ...none, input: 10, output: 2_010, reasoning: 2_000 })).toBe(
      8_855_000,
    )
  })

  // 100 − 40 text at 2.50 and 40 heard at 32.00; 60 − 50 text at 10.00 and 50 spoken at 64.00: 150 + 1,280 + 100 + 3,200 thousand n$.
  test('audio has prices of its own', async () => {
    const usage = { ...none, input: 100, audioInput: 40, output: 60, audioOutput: 50 }
    expect(await bare.cost('gpt-audio', usage)).toBe(4_730_000)
  })

  // 5,000 − 1,000 − 3,000 at 4.00, 1,000 cached at 0.40, 3,000 written to the cache at 5.00: 4,000 + 400 + 15,000 thousand n$.
  test('input that upstream writes to its cache costs a quarter more on models that charge for it', async () => {
    const usage = { ...none, input: 5_000, cachedInput: 1_000, cacheWrite: 3_000 }
    expect(await bare.cost('gpt-5.6', usage)).toBe(19_400_000)
    expect(await bare.cost('gpt-5.4', usage)).toBe(4_000 * 2_500 + 1_000 * 250)
    expect(await createPriceBook({ 'gpt-5.6': { input: 4, cacheWrite: 6 } }).cost('gpt-5.6', usage)).toBe(
      22_400_000,
    )
    const asked = { input_tokens: 5_000, cache_read_tokens: 1_000, cache_write_tokens: 3_000 }
    expect(nanoUsd(calcPrice(asked, 'gpt-5.6', { providerId: 'openai' })?.total_price ?? 0)).toBe(19_400_000)
  })

  // 11 at 0.13: $0.00000143.
  test('embeddings have no output', async () => {
    expect(await book.cost('text-embedding-3-large', { ...none, input: 11 })).toBe(1_430)
  })
})

describe('policy', () => {
  test('its models are priced at once, without the library', () => {
    const prices = createPriceBook(hotdash.models)
    expect(prices.cost('gpt-4o-mini', { ...none, ...million })).toBe(750_000_000)
    expect(prices.rates('gpt-4o')).toEqual({ input: 2.5, cachedInput: 1.25, output: 10 })
  })

  test('its prices win, and what it leaves open comes from the library', async () => {
    const prices = createPriceBook({
      'gpt-4o': { input: 1 },
      'gpt-5.4': { output: 1 },
      'gpt-audio': { input: 1, cachedInput: 1, output: 2 },
    })
    expect(await prices.rates('gpt-4o')).toEqual({ input: 1, cachedInput: 1.25, output: 10 })
    expect(await prices.cost('gpt-5.4', { ...none, input: 300_000, output: 1_000_000 })).toBe(2_500_000_000)
    expect(await prices.cost('gpt-audio', { ...none, input: 1_000_000, audioInput: 1_000_000 })).toBe(
      32_000_000_000,
    )
  })

  test('a model only it knows is priced when input and output are', async () => {
    const prices = createPriceBook({
      ours: { input: 1, output: 2 },
      half: { input: 1 },
      free: { input: 0, output: 0 },
    })
    expect(await prices.rates('ours')).toEqual({ input: 1, cachedInput: 1, output: 2 })
    expect(await prices.cost('half', { ...none, input: 1 })).toBeUndefined()
    expect(await prices.cost('free', { ...none, ...million })).toBe(0)
  })

  test('its prices survive a caller that names many models', async () => {
    const prices = createPriceBook({ ours: { input: 1, output: 2 } })
    for (let at = 0; at < 3_000; at += 1) await prices.cost(`model-${at}`, none)
    expect(await prices.cost('ours', { ...none, ...million })).toBe(3_000_000_000)
  })

  test('the most output is what it says, else 128,000', () => {
    expect(book.maxOutput('gpt-4o')).toBe(16_384)
    expect(book.maxOutput('text-embedding-3-large')).toBe(0)
    expect(book.maxOutput('constructor')).toBe(128_000)
  })

  test('once the library is loaded, answers come at once', async () => {
    await bare.rates('gpt-4.1')
    expect(bare.rates('o3')).toEqual({ input: 2, cachedInput: 0.5, output: 8 })
    expect(bare.rates('made-up')).toBeUndefined()
  })
})

describe('money', () => {
  test('is rounded up, once', async () => {
    expect(await book.cost('gpt-4o-mini', { ...none, input: 1 })).toBe(150)
    expect(await book.cost('gpt-4o-mini', { ...none, input: 1, output: 1 })).toBe(750)
    expect(await book.cost('gpt-4o-mini', { ...none, input: 3 }, 'priority')).toBe(750)
    // Half of 75 is no whole number.
    expect(await book.cost('gpt-4o-mini', { ...none, input: 1, cachedInput: 1 }, 'batch')).toBe(38)
    expect(await book.cost('gpt-4o-mini', { ...none, input: 2, cachedInput: 2 }, 'batch')).toBe(75)
    expect(await book.cost('gpt-4o-mini', { ...none, input: 3, cachedInput: 3 }, 'batch')).toBe(113)
  })

  test('counts beyond all numbers cost a great deal, and what is no count costs nothing known', () => {
    expect(book.cost('gpt-4o', { ...none, output: Number.POSITIVE_INFINITY })).toBeGreaterThan(1e15)
    expect(book.cost('gpt-4o', { ...none, input: Number.NaN })).toBeUndefined()
    expect(book.cost('gpt-4o', { ...none, input: -1 })).toBeUndefined()
  })

  test('knows nothing of binary fractions', () => {
    expect(nanoUsd(0.1 + 0.2)).toBe(300_000_000)
    expect(nanoUsd(1e-9)).toBe(1)
    expect(nanoUsd(1.1e-9)).toBe(2)
    expect(nanoUsd(50)).toBe(50_000_000_000)
    fc.assert(
      fc.property(fc.nat(1e15), (nano) => nanoUsd(usd(nano as NanoUsd)) === nano),
      { numRuns: runs(100) },
    )
  })

  test('is written without exponents', () => {
    expect(formatUsd(0 as NanoUsd)).toBe('0.000000')
    expect(formatUsd(1 as NanoUsd)).toBe('0.000000001')
    expect(formatUsd(1_430 as NanoUsd)).toBe('0.00000143')
    expect(formatUsd(123_000 as NanoUsd)).toBe('0.000123')
    expect(formatUsd(500_000_000 as NanoUsd)).toBe('0.500000')
    expect(formatUsd(1_234_567_890_123_456 as NanoUsd)).toBe('1234567.890123456')
  })
})
