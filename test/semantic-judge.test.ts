import { AsyncLocalStorage } from 'node:async_hooks'
import { type Capture, withGateway } from '@hotdash/llm-gateway'
import type { Report, Sink } from '@hotdash/llm-gateway/sinks'
import type { FakeOpenAIOptions } from '@hotdash/llm-gateway-testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from './runs.ts'
import { embedder } from './semantic-embedder.ts'
import { ask, setup } from './support.ts'

const JUDGED = '"asked_now"'
const upstream = (verdict: string): FakeOpenAIOptions => ({
  answer: ({ body }) => {
    const { messages } = body as { messages: { content: string }[] }
    const said = messages.at(-1)?.content ?? ''
    if (!said.includes(JUDGED)) return { text: `About ${said.replace('How do I ', '')}` }
    const { answers_given } = JSON.parse(said) as { answers_given: unknown[] }
    return { text: answers_given.map(() => verdict).join(' ') }
  },
})

/** To it, everything means the same. */
const alike = {
  ...embedder,
  embed: async (texts: readonly string[]) => texts.map(() => new Float32Array(embedder.dimensions).fill(1)),
}

const word = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnoprstuv'), minLength: 8, maxLength: 12 })
const name = word.map((text) => `name-${text}`)
const person = fc.record({
  user: name,
  session: name,
  trace: name,
  tag: name,
  baggage: name,
  secret: word.map((text) => `secret${text}`),
})
type Person = typeof person extends fc.Arbitrary<infer T> ? T : never

const question = (secret: string) => `How do I exchange the ${secret} for a wider model in Norway`
const namesOf = ({ user, session, trace, tag, baggage }: Person) => [user, session, trace, tag, baggage]

test("a judge's call is no user's: its record names none, no sink holds what it was shown, no header leads back", async () => {
  let judgements = 0
  await fc.assert(
    fc.asyncProperty(
      person,
      person,
      fc.constantFrom<Capture | undefined>(undefined, 'on', 'masked', 'off'),
      fc.constantFrom('shadow', 'on'),
      fc.constantFrom('YES', 'NO'),
      fc.boolean(),
      async (alice, bob, capture, mode, verdict, near) => {
        // Two people: what one has is not the other's by chance.
        fc.pre(new Set([alice, bob].flatMap((each) => [...namesOf(each), each.secret])).size === 12)
        const reports: Report[] = []
        const contexts: [purpose: string | undefined, context: unknown][] = []
        const context = new AsyncLocalStorage<string>()
        const sink: Sink = {
          name: 'own',
          deliver: async (some) => void reports.push(...structuredClone(some)),
        }
        const it = await setup(
          {
            sinks: [sink],
            ...(capture && { capture }),
            policy: {
              cache: {
                semantic: {
                  mode: mode as 'on',
                  threshold: near ? 0.5 : 0.99,
                  judgeFrom: 0.5,
                  guards: [],
                  shareBetweenUsers: true,
                  judge: { rate: 1, perHour: 1e6 },
                },
              },
            },
            cache: { semantic: { embedder } },
            onCall: ({ purpose }) => void contexts.push([purpose, context.getStore()]),
          },
          {},
          upstream(verdict),
        )
        for (const who of [alice, bob]) {
          const { user, session, trace, tag } = who
          const headers = { baggage: `user=${who.baggage}`, 'x-request-id': who.baggage }
          await context.run(user, () =>
            withGateway({ user, session, trace, tags: [tag] }, () =>
              it.client.chat.completions.create(ask(question(who.secret)), { headers }),
            ),
          )
          await it.client.gateway.flush()
        }
        const own = it.upstream.requests.filter(({ text }) => text.includes(JUDGED.replaceAll('"', '\\"')))
        const judged = reports.filter(({ record }) => record.purpose === 'semantic')
        judgements += judged.length
        expect(judged).toHaveLength(own.length)
        for (const report of judged) {
          const all = JSON.stringify(report)
          for (const name of [alice, bob].flatMap(namesOf)) expect(all).not.toContain(name)
          expect(all).not.toContain(alice.secret)
          expect(all).not.toContain(bob.secret)
          expect(report.record.tags).toEqual(['gateway:semantic'])
        }
        for (const { headers } of own)
          for (const { baggage } of [alice, bob]) expect(JSON.stringify(headers)).not.toContain(baggage)
        for (const [purpose, store] of contexts) expect(store !== undefined).toBe(purpose === undefined)
        // What bob's own records hold is his.
        const his = reports.filter(({ record }) => record.user === bob.user)
        expect(his).not.toHaveLength(0)
        for (const report of his.filter(({ record }) => record.cache !== 'semantic'))
          expect(JSON.stringify(report)).not.toContain(alice.secret)
      },
    ),
    { numRuns: runs(15), endOnFailure: true },
  )
  expect(judgements).toBeGreaterThan(0)
})

test('under the policy that ships, a session shows what its own user asked and was answered, and no more', async () => {
  const reports: Report[] = []
  const sink: Sink = { name: 'own', deliver: async (some) => void reports.push(...structuredClone(some)) }
  const it = await setup({ sinks: [sink], cache: { semantic: { embedder: alike } } }, {}, upstream('NO'))
  const asked = [
    ['alice', 'How do I exchange the wedding ring of a cheating groom'],
    ['bob', 'How do I swap a broken kettle for another'],
  ] as const
  for (const [user, content] of asked) {
    await withGateway({ user, session: `session of ${user}` }, () =>
      it.client.chat.completions.create(ask(content)),
    )
    await it.client.gateway.flush()
  }
  const ofBob = reports.filter(({ record }) => record.session === 'session of bob')
  expect(ofBob).not.toHaveLength(0)
  expect(reports.some(({ record }) => record.purpose === 'semantic')).toBe(true)
  expect(JSON.stringify(ofBob)).not.toContain('wedding ring')
})
