import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostileText } from '../../../../../test/hostile-texts.ts'
import { runs } from '../../../../../test/runs.ts'
import type { Candidate } from '../store/port.ts'
import { judgementOf } from './prompt.ts'

const entryOf = (question: string, answer: string) =>
  ({
    entry: { question, answer: { text: JSON.stringify({ choices: [{ message: { content: answer } }] }) } },
    similarity: 0.9,
  }) as Candidate

const pair = fc.record({ question: hostileText, answer: hostileText })
const PLAIN = judgementOf('a', [entryOf('b', 'c')], 'm')

/** Reads JSON strings one character at a time, without a JSON parser: what is between them, and what they say. */
function readStrings(source: string): { outside: string; strings: string[] } {
  const strings: string[] = []
  let outside = ''
  for (let at = 0; at < source.length; at += 1) {
    if (source[at] !== '"') {
      outside += source[at]
      continue
    }
    let said = ''
    for (at += 1; source[at] !== '"'; at += 1) {
      if (at >= source.length) throw new Error('a string has no end')
      if (source[at] !== '\\') {
        said += source[at]
        continue
      }
      at += 1
      const letter = source[at] ?? ''
      if (letter === 'u') {
        said += String.fromCharCode(Number.parseInt(source.slice(at + 1, at + 5), 16))
        at += 4
      } else said += { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }[letter] ?? letter
    }
    strings.push(said)
    outside += '"'
  }
  return { outside, strings }
}

test('whatever questions and answers contain, the judge gets them within strings only, whole or cut', () => {
  fc.assert(
    fc.property(
      fc.array(pair, { minLength: 1, maxLength: 3 }),
      hostileText,
      fc.option(hostileText, { nil: undefined }),
      (pairs, asked, fresh) => {
        const near = pairs.map(({ question, answer }) => entryOf(question, answer))
        const { messages, ...settings } = judgementOf(asked, near, 'm', fresh)
        const [system, user, ...more] = messages
        expect(more).toEqual([])
        expect(system).toEqual(PLAIN.messages[0])
        expect(Object.keys(settings)).toEqual(['model', 'temperature', 'max_completion_tokens'])
        const given = [...pairs, ...(fresh === undefined ? [] : [{ question: asked, answer: fresh }])]
        const content = user?.content ?? ''
        const { outside, strings } = readStrings(content)
        expect(outside).toBe(`{":[${given.map(() => '{":",":"}').join(',')}],":"}`)
        const [first, ...rest] = strings
        expect([first, ...rest.slice(-2)]).toEqual(['answers_given', 'asked_now', asked])
        for (const [at, { question, answer }] of given.entries()) {
          const [name, shown = '', other, excerpt = ''] = rest.slice(at * 4, at * 4 + 4)
          expect([name, other]).toEqual(['question', 'answer'])
          expect(question.startsWith(shown)).toBe(true)
          expect(answer).toContain(excerpt.replace(/^\.\.\. /, '').replace(/\.\.\.$/, ''))
        }
        expect(JSON.parse(content).asked_now).toBe(asked)
      },
    ),
    { numRuns: runs(3_000) },
  )
})

test('no tag, bracket or invisible character of a stranger is among the characters of the prompt', () => {
  fc.assert(
    fc.property(hostileText, hostileText, hostileText, (asked, question, answer) => {
      const content = judgementOf(asked, [entryOf(question, answer)], 'm', answer).messages[1]?.content ?? ''
      expect(content.match(/[<>＜＞﹛﹜]/g)).toBeNull()
      expect(content.match(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu)).toBeNull()
      expect(content.match(/(?![()[\]{}])[\p{Ps}\p{Pe}\u02C2\u02C3\u276E-\u2771]/gu)).toBeNull()
      expect(content.match(/[[\]{}]/g)).toHaveLength(2 + 2 + 2 * 2)
    }),
    { numRuns: runs(3_000) },
  )
})
