import fc from 'fast-check'
import { expect, test } from 'vitest'
import { count } from '../cost/kit.ts'
import { clientsOf, DONE, jsonOf, sse, streamOf, wireOf } from '../hostile/wire.ts'
import { randomOf } from '../random.ts'
import { runs } from '../runs.ts'
import { chunk, delta, role, stop } from './chunk.ts'

const ASK = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }
const NEVER = { policy: { streamUsage: 'never' as const }, cache: false as const }

/** Of each text by itself, by the fake's tokeniser and not by the gateway's code. */
const tokensOf = (texts: readonly string[]) => texts.reduce((sum, text) => sum + count(text), 0)

const sum = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0)

/** Runs of 512 characters or more without a blank between words are counted in slices of half that: a token more at each cut. */
const cutsOf = (text: string) =>
  sum((text.match(/\S{512,}|\s{512,}/g) ?? []).map(({ length }) => Math.ceil(length / 256)))

const word = fc.constantFrom(
  ...[
    'The order',
    ' left',
    ' at 10:30',
    '\n\n',
    ' naïve',
    '日本語',
    '{"id":123}',
    "don't",
    '  ',
    '\u{1f44d}',
    ' ',
    '-',
  ],
)
/** A text of up to 400,000 characters: as long as hundreds of answers, or as short as one word. */
const text = fc
  .tuple(fc.array(word, { minLength: 1, maxLength: 30 }), fc.integer({ min: 0, max: 17 }))
  .map(([words, size]) => {
    const piece = `${words.join('')}.`
    return piece.repeat(Math.ceil(2 ** size / piece.length))
  })

/** A text as it is streamed: pieces of all lengths, none of which ends in half a character. */
function piecesOf(text: string, random: () => number): string[] {
  const pieces: string[] = []
  for (let at = 0; at < text.length; ) {
    let end = at + 1 + Math.floor(random() ** 3 * 400)
    const code = text.charCodeAt(end - 1)
    if (code >= 0xd800 && code < 0xdc00) end += 1
    pieces.push(text.slice(at, end))
    at = end
  }
  return pieces
}

/** All choices at once, in any order: what is written to one place is one text, whatever comes in between. */
function streamed(texts: readonly string[], seed: number): string {
  const random = randomOf(seed)
  const left = texts.map((text) => piecesOf(text, random))
  const events: object[] = [role]
  while (left.some((pieces) => pieces.length > 0)) {
    const index = Math.floor(random() * left.length)
    const piece = left[index]?.shift()
    if (piece !== undefined) events.push(delta({ content: piece }, { index }))
  }
  return sse(...events, stop(), DONE)
}

const whole = (texts: readonly string[]) =>
  JSON.stringify({
    ...chunk(
      texts.map((content, index) => ({
        index,
        message: { role: 'assistant', content, refusal: null },
        finish_reason: 'stop',
      })),
    ),
    object: 'chat.completion',
  })

test('an answer without usage is booked at what the tokeniser counts, however long it is and however it came', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.boolean(),
      async (texts, seed, stream) => {
        const bytes = stream ? streamOf(streamed(texts, seed)) : jsonOf(whole(texts))
        const { client, records } = clientsOf(wireOf(bytes), NEVER)
        const answer = await client.chat.completions.create({ ...ASK, n: texts.length, stream })
        if (Symbol.asyncIterator in answer) for await (const _ of answer);
        await client.gateway.flush()
        const { estimated, usage } = records[0] as NonNullable<(typeof records)[0]>
        const exact = tokensOf(texts)
        expect(estimated).toBe(true)
        expect(usage?.output).toBeGreaterThanOrEqual(exact)
        expect(usage?.output).toBeLessThanOrEqual(exact + sum(texts.map(cutsOf)))
      },
    ),
    { numRuns: runs(25) },
  )
})

test('a stream that is too long to be kept is booked at what the tokeniser counts', async () => {
  const piece = 'The order left the kitchen at noon, and arrived cold. '
  const events = Array.from({ length: 45_000 }, () => delta({ content: piece }))
  const { client, records } = clientsOf(
    wireOf(streamOf(...inPieces(sse(role, ...events, stop(), DONE)))),
    NEVER,
  )
  let said = ''
  for await (const each of await client.chat.completions.create({ ...ASK, stream: true }))
    said += each.choices[0]?.delta.content ?? ''
  await client.gateway.flush()
  expect(said).toHaveLength(45_000 * piece.length)
  expect(records[0]).toMatchObject({ estimated: true, usage: { output: tokensOf([said]) } })
})

test('what cannot be read is booked at what its model can write, at most', async () => {
  const text = sse(role, delta({ content: 'x'.repeat(40 * 1024 * 1024) }), stop(), DONE)
  const policy = { ...NEVER.policy, models: { 'gpt-4o-mini': { input: 1, output: 1, maxOutput: 16_384 } } }
  const { client, records } = clientsOf(wireOf(streamOf(...inPieces(text))), { ...NEVER, policy })
  for await (const _ of await client.chat.completions.create({ ...ASK, stream: true }));
  await client.gateway.flush()
  expect(records[0]).toMatchObject({ estimated: true, usage: { output: 16_384 } })
})

const inPieces = (text: string): string[] => text.match(/[\s\S]{1,65536}/g) ?? []
