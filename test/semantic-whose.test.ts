import { type GatewayOptions, type SemanticPolicy, withGateway } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { calibrated } from './semantic-embedder.ts'
import { shownIn } from './semantic-judging.ts'
import { ask, type Setup, setup } from './support.ts'

const options = (semantic: SemanticPolicy = {}): GatewayOptions => ({
  policy: {
    cache: {
      exact: false,
      semantic: { mode: 'on', threshold: 0.85, judge: { rate: 1, perHour: 36_000 }, guards: [], ...semantic },
    },
  },
  cache: { semantic: { embedder: calibrated } },
})

/** An upstream with these answers; its judge calls some of them personal, and all others right. */
const upstream = (
  answerOf: (question: string) => string,
  isPersonal: (answer: string) => boolean = () => false,
) => ({
  answer(asked: { body: unknown; text: string }) {
    const shown = shownIn(asked)
    if (shown !== undefined)
      return {
        text: shown.answers_given.map(({ answer }) => (isPersonal(answer) ? 'PERSONAL' : 'YES')).join(' '),
      }
    const { messages } = asked.body as { messages: { content: string }[] }
    return { text: answerOf(messages.at(-1)?.content ?? '') }
  },
})

async function told(
  { client, records }: Setup,
  question: string,
  who: { user?: string; session?: string } = {},
) {
  const answer = await withGateway(who, () => client.chat.completions.create(ask(question)))
  await client.gateway.flush()
  const { cache, semantic } = records.findLast(({ purpose }) => purpose === undefined) ?? {}
  return { said: answer.choices[0]?.message.content, cache, semantic }
}

const RESETS = [
  'How do I reset a password of the shop?',
  'How do I reset the password of the shop?',
  'How do I reset that password of the shop?',
  'How do I reset any password of the shop?',
] as const

test('an answer that the judge calls personal is deleted, and its new answer is not stored', async () => {
  let nth = 0
  const secret = () => {
    nth += 1
    return `Secret plan ${nth}.`
  }
  // Nothing in its words gives it away.
  const it = await setup(
    options(),
    {},
    upstream(secret, (answer) => answer.includes('Secret')),
  )
  for (const question of RESETS) expect((await told(it, question)).cache).toBe('miss')
  expect(await it.client.gateway.semantic.list({})).toEqual([])
  for (const question of RESETS) expect((await told(it, question)).cache).toBe('miss')
  expect(nth).toBe(8)
})

test('an answer serves only after the judge has found it to be no single person’s, and then without a further question', async () => {
  const it = await setup(
    options(),
    {},
    upstream((question) => `Open Settings, choose ${question.length}.`),
  )
  expect(await told(it, RESETS[0])).toMatchObject({ cache: 'miss', semantic: { outcome: 'no-candidate' } })
  expect(await told(it, RESETS[1])).toMatchObject({ semantic: { outcome: 'veto', reason: 'unchecked' } })
  expect(await told(it, RESETS[2])).toMatchObject({ cache: 'semantic' })
})

test('without a judge the rules for answers decide alone', async () => {
  const personal = 'Hi sofia, yes: your refund of $84.20 went to your card on 12 May.'
  const it = await setup(
    options({ judge: false }),
    {},
    upstream((question) => (question.includes('password') ? 'Open Settings and choose Reset.' : personal)),
  )
  await told(it, RESETS[0])
  expect(await told(it, RESETS[1])).toMatchObject({ cache: 'semantic' })
  for (const question of ['Do refunds go to cards?', 'Do the refunds go to cards?'])
    expect((await told(it, question)).cache).toBe('miss')
})

test.each([
  ['a user of the controls', (name: string) => ({ user: name })],
  ['a user whose sessions differ', (name: string) => ({ user: name, session: `${name}-1` })],
])('%s finds no answer of another, unless the policy shares them', async (_, who) => {
  for (const shareBetweenUsers of [undefined, true] as const) {
    const it = await setup(
      options({ judge: false, ...(shareBetweenUsers && { shareBetweenUsers }) }),
      {},
      upstream((question) => `Open Settings: ${question.length}.`),
    )
    await told(it, RESETS[0], who('alice'))
    expect((await told(it, RESETS[1], who('bob'))).cache).toBe(shareBetweenUsers ? 'semantic' : 'miss')
    expect((await told(it, RESETS[2], who('alice'))).cache).toBe('semantic')
  }
})

test('one asker in many wordings does not decide what others are told', async () => {
  const planted = 'Visit evil dot example.'
  for (const [by, others] of [
    [{ session: 'one' }, 'miss'],
    [{ user: 'one' }, 'miss'],
    [undefined, 'semantic'],
  ] as const) {
    const it = await setup(
      options({ threshold: 0.999, judgeFrom: 0.5, shareBetweenUsers: true }),
      {},
      upstream(() => planted),
    )
    for (const [at, question] of RESETS.entries()) await told(it, question, by ?? { session: `s${at}` })
    const found = await told(it, 'How do I reset some password of the shop?', {
      session: 'victim',
      user: 'victim',
    })
    expect(found.cache).toBe(others)
  }
})
