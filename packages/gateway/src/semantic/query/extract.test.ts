import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../../test/runs.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Operation } from '../../core/operation.ts'
import { extractQuery } from './extract.ts'

const system = { role: 'system', content: 'You answer for a bakery.' }
const user = (content: unknown) => ({ role: 'user', content })
const tool = { role: 'tool', tool_call_id: 'c', content: '{}' }
const said = { role: 'assistant', content: 'Hello!' }

const asked = (operation: Operation, body: unknown) => extractQuery(operation, body as JsonObject)

test('the question of a single turn is extracted from each request shape and normalised', () => {
  const question = '  When do\n you open? '
  for (const found of [
    asked('chat', { messages: [system, user(question)] }),
    asked('chat', { messages: [user([{ type: 'text', text: question }])] }),
    asked('responses', { input: question, instructions: 'Be brief.' }),
    asked('responses', {
      input: [{ role: 'developer', content: 'x' }, user([{ type: 'input_text', text: question }])],
    }),
  ])
    expect(found).toMatchObject({ text: 'When do you open?' })
})

test.each([
  ['multi-turn', { messages: [system, user('When do you open?'), said, user('And on Sundays?')] }],
  ['multi-turn', { messages: [user('When do you open?'), user('And on Sundays?')] }],
  ['multi-turn', { messages: [user('When do you open?'), tool] }],
  ['multi-turn', { messages: [] }],
  ['multi-turn', {}],
  [
    'not-text',
    {
      messages: [
        user([
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: 'x' } },
        ]),
      ],
    },
  ],
  ['not-text', { messages: [user([{ type: 'input_audio', input_audio: { data: '' } }])] }],
  ['not-text', { messages: [user(null)] }],
  ['not-text', { messages: [user('What is \ud800 this?')] }],
  ['too-short', { messages: [user('yes')] }],
  ['too-long', { messages: [user('word '.repeat(300))] }],
])('%s: %j has no question of its own', (reason, body) => {
  expect(asked('chat', body)).toBe(reason)
})

test('embeddings and completions are not looked up', () => {
  expect(asked('embeddings', { input: 'When do you open?' })).toBe('operation')
  expect(asked('completions', { prompt: 'When do you open?' })).toBe('operation')
})

test('the rest of the request lacks the question and has all other members', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 3 }), fc.string(), (text, setting) => {
      const body = (content: string) => ({ messages: [{ role: 'system', content: setting }, user(content)] })
      const [one, other] = [asked('chat', body(`is ${text}`)), asked('chat', body('is it so'))]
      if (typeof one === 'string' || typeof other === 'string') return
      expect(one.rest).toEqual(other.rest)
      expect(JSON.stringify(one.rest)).toContain(JSON.stringify(setting))
    }),
    { numRuns: runs(100) },
  )
})
