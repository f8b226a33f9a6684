import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { GuardName } from '../../core/policy.ts'
import { doubtsOf, vetoOf } from './guards.ts'
import { questionOf } from './question.ts'

const veto = (asked: string, cached: string, ...selected: GuardName[]) =>
  vetoOf(questionOf(asked), questionOf(cached), selected.length > 0 ? selected : undefined)

const doubts = (asked: string, cached: string, ...selected: GuardName[]) =>
  doubtsOf(questionOf(asked), questionOf(cached), selected.length > 0 ? selected : undefined)

const words = fc.constantFrom(
  ...'how do I not pay the fee from my card to savings in Berlin before May 5 kg 12 order A-7 cancel now wire Maria no eligible ineligible wie ist $ % #3 one second'.split(
    ' ',
  ),
)
const sentence = fc.array(words, { maxLength: 14 }).map((picked) => picked.join(' '))

test('what guards cannot tell is a doubt: other words, another order, a word more in another sentence', () => {
  for (const [guard, asked, cached, count] of [
    ['wording', 'How can I lose weight?', 'How can I reduce weight?', 1],
    ['wording', 'How do I stop procrastinating?', 'How do I overcome procrastination?', 1],
    ['order', 'small dogs bark loudly', 'dogs loudly bark small', 2],
    ['order', 'I received a faulty item', 'The item I received is faulty', 1],
    ['modifier', 'Is there a shop I can visit?', 'Do you have a physical shop?', 1],
  ] as const) {
    expect(doubts(asked, cached, guard), asked).toBe(count)
    expect(doubts(cached, asked, guard), cached).toBe(count)
    expect(veto(asked, cached, guard), asked).toBeUndefined()
    expect(doubts(asked, cached, 'length')).toBe(0)
  }
})

test('a question and itself in another spelling leave no doubt', () => {
  fc.assert(
    fc.property(sentence, (text) => {
      expect(doubts(text, `${text}?`)).toBe(0)
    }),
    { numRuns: runs(100) },
  )
})

test('doubts are symmetric, and never negative', () => {
  fc.assert(
    fc.property(sentence, sentence, (one, other) => {
      expect(doubts(one, other)).toBe(doubts(other, one))
      expect(doubts(one, other)).toBeGreaterThanOrEqual(0)
    }),
    { numRuns: runs(100) },
  )
})
