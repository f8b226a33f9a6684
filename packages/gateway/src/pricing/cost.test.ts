import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import { formatUsd, MAX_NANO_USD, nanoUsd, usd } from '../core/money.ts'
import type { Usage } from '../core/usage.ts'
import { costOf } from './cost.ts'
import { createPriceBook } from './price-book.ts'

const none: Usage = { input: 0, cachedInput: 0, audioInput: 0, output: 0, reasoning: 0, audioOutput: 0 }

/** A price as a page prints it: digits, and where the point is. */
const printed = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 9n }), fc.integer({ min: 0, max: 12 }))
  .map(([digits, decimals]) => ({ digits, decimals, rate: Number(`${digits}e-${decimals}`) }))

const share = fc.constantFrom<[number, number]>([1, 1], [1, 2], [17, 10], [5, 3], [7, 4], [9, 5], [5, 2])
const tokens = fc.oneof(fc.nat(20), fc.nat(2_000_000))

const usages = fc
  .tuple(tokens, tokens, tokens, tokens, tokens, tokens)
  .map(([plain, cachedInput, cacheWrite, audioInput, words, audioOutput]) => ({
    parts: [plain, cachedInput, cacheWrite, audioInput, words, audioOutput] as const,
    usage: {
      ...none,
      input: plain + cachedInput + cacheWrite + audioInput,
      cachedInput,
      cacheWrite,
      audioInput,
      output: words + audioOutput,
      audioOutput,
    },
  }))

/** Dollars per million tokens are 10^-6 dollars a token: in 10^-18 dollars, a price of 12 decimals is whole. */
function exactly(parts: readonly number[], prices: { digits: bigint; decimals: number }[], part: number) {
  return prices.reduce(
    (sum, { digits, decimals }, at) =>
      sum + BigInt(parts[at] ?? 0) * digits * 10n ** BigInt(12 - decimals) * BigInt(part),
    0n,
  )
}

test('any tokens at any printed prices and any tier: the exact sum, rounded up once to the billionth', () => {
  fc.assert(
    fc.property(
      usages,
      fc.tuple(printed, printed, printed, printed, printed, printed),
      share,
      ({ parts, usage }, prices, [part, whole]) => {
        const [input, cachedInput, cacheWrite, audioInput, output, audioOutput] = prices.map(
          ({ rate }) => rate,
        )
        const rates = { input, cachedInput, cacheWrite, audioInput, output, audioOutput }
        const cost = costOf(rates as Parameters<typeof costOf>[0], usage, [part, whole])
        const unit = BigInt(whole) * 10n ** 9n
        const rounded = (exactly(parts, prices, part) + unit - 1n) / unit
        expect(BigInt(cost ?? -1)).toBe(rounded < BigInt(MAX_NANO_USD) ? rounded : BigInt(MAX_NANO_USD))
      },
    ),
    { numRuns: runs(500) },
  )
})

test('the most a call can cost is never less than what it costs', () => {
  const models = fc.constantFrom('gpt-4o-mini', 'gpt-4o', 'gpt-5-nano', 'text-embedding-3-large')
  const tiers = fc.constantFrom('default', 'flex', 'batch')
  const book = createPriceBook({})
  const claims = fc.tuple(fc.nat(5_000), fc.nat(5_000), fc.nat(5_000), fc.nat(2_000))
  return fc.assert(
    fc.asyncProperty(models, tiers, claims, async (model, tier, [input, cached, output, more]) => {
      const used = { ...none, input, cachedInput: Math.min(input, cached), output }
      const most = { ...none, input: input + more, cacheWrite: input + more, output: output + more }
      const [cost, worst] = [await book.cost(model, used, tier), await book.cost(model, most)]
      expect(worst).toBeGreaterThanOrEqual(cost ?? Number.NaN)
    }),
    { numRuns: runs(200) },
  )
})

test('up to a million dollars an amount survives dollars, headers, JSON and a column of nine decimals', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.nat(1_000_000),
        fc.maxSafeNat().map((nano) => nano % 1e15),
      ),
      (whole) => {
        const nano = whole as ReturnType<typeof nanoUsd>
        const dollars = usd(nano)
        expect(nanoUsd(dollars)).toBe(whole)
        expect(Math.round(dollars * 1e9)).toBe(whole)
        expect(nanoUsd(Number(formatUsd(nano)))).toBe(whole)
        expect(formatUsd(nano)).toMatch(/^\d+\.\d{6,9}$/)
        expect(nanoUsd(JSON.parse(JSON.stringify({ dollars })).dollars)).toBe(whole)
        expect(BigInt(dollars.toFixed(9).replace('.', ''))).toBe(BigInt(whole))
      },
    ),
    { numRuns: runs(500) },
  )
})

test('an embedding of 11 tokens at $0.13 a million costs $0.00000143', async () => {
  const cost = await createPriceBook({}).cost('text-embedding-3-large', { ...none, input: 11 })
  expect(cost).toBe(1_430)
  expect(usd(cost ?? (Number.NaN as never))).toBe(0.00000143)
  expect(formatUsd(cost ?? (0 as never))).toBe('0.00000143')
})
