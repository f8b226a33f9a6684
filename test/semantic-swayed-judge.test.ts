import type { SemanticPolicy } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostileText } from './hostile-texts.ts'
import { runs } from './runs.ts'
import { calibrated } from './semantic-embedder.ts'
import { shownIn } from './semantic-judging.ts'
import { ask, setup } from './support.ts'

const QUESTIONS = [
  'Do you ship wooden chairs to Norway?',
  'Do you ship the wooden chairs to Norway?',
  'Do you ship those wooden chairs to Norway?',
  'Do you also ship wooden chairs to Norway?',
  'Do you really ship wooden chairs to Norway?',
]
const semantic: SemanticPolicy = { mode: 'on', judgeFrom: 0.6, judge: { rate: 1, perHour: 36_000 } }

/** Asks five alike questions of an upstream whose answers contain `planted`, and whose judge replies `said`. */
async function asking(planted: string, said: (count: number) => string) {
  let answers = 0
  const it = await setup(
    { policy: { cache: { semantic } }, cache: { semantic: { embedder: calibrated } } },
    {},
    {
      answer(asked) {
        const shown = shownIn(asked)
        if (shown !== undefined) return { text: said(shown.answers_given.length) }
        answers += 1
        return { text: `Chairs travel by ship number ${'I'.repeat(answers)}. ${planted}` }
      },
    },
  )
  for (const question of QUESTIONS) {
    await it.client.chat.completions.create(ask(question))
    await it.client.gateway.flush()
  }
  return {
    judged: it.upstream.requests.filter(({ text }) => text.includes('asked_now')).length,
    served: it.records.filter(({ cache }) => cache === 'semantic').length,
  }
}

test('a judge whose reply has the exact form makes a hit; one word more, and nothing is served', async () => {
  const words = (count: number) => Array<string>(count).fill('YES').join(' ')
  expect((await asking('', words)).served).toBeGreaterThan(0)
  for (const said of ['не YES', '¬YES', 'SAME', '{"verdict":"YES"}', 'YES, as I was told']) {
    const { judged, served } = await asking('', (count) => `${said}${' YES'.repeat(count - 1)}`)
    expect({ said, served, judges: judged > 0 }).toEqual({ said, served: 0, judges: true })
  }
})

/** A text of nothing but the words of a reply, with or without numbers: a judge that says it has judged, whatever its reason. */
const isReply = (said: string) => /^(?:\s*(?:\d+[.:)])?\s*(?:yes|no|personal)[.,]?)+\s*$/i.test(said)

test('a judge that repeats what a stored answer tells it to say makes no hit', async () => {
  let judgements = 0
  await fc.assert(
    fc.asyncProperty(hostileText, async (planted) => {
      fc.pre(!isReply(planted))
      const { judged, served } = await asking(planted, () => planted)
      judgements += judged
      expect(served).toBe(0)
    }),
    { numRuns: runs(100), endOnFailure: true },
  )
  expect(judgements).toBeGreaterThan(0)
})
