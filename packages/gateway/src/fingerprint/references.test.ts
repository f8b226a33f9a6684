import { expect, test } from 'vitest'
import type { JsonObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { bypassReason } from './shareable.ts'

const DATA = 'data:image/png;base64,iVBORw0KGgo='
const ADDRESSES = [
  'https://e.example/a.png',
  'gs://bucket/a',
  's3://bucket/a',
  '//e.example/a',
  'file:///a',
  'HTTP://E',
]
const chat = (part: JsonObject | string) => ({ messages: [{ role: 'user', content: [part] }] }) as JsonObject
const input = (part: JsonObject) => ({ input: [{ role: 'user', content: [part] }] }) as JsonObject
const variable = (part: JsonObject) =>
  ({ prompt: { id: 'p', version: '1', variables: { it: part } } }) as JsonObject

/** Every way in which a body is known to point at content that is not in it. */
const pointing: [string, Operation, JsonObject][] = [
  ...ADDRESSES.flatMap((url): [string, Operation, JsonObject][] => [
    ['image_url', 'chat', chat({ type: 'image_url', image_url: { url } })],
    ['image_url as text', 'chat', chat({ type: 'image_url', image_url: url })],
    ['video_url', 'chat', chat({ type: 'video_url', video_url: { url } })],
    ['audio_url', 'chat', chat({ type: 'audio_url', audio_url: { url } })],
    ['file_data', 'chat', chat({ type: 'file', file: { filename: 'a.pdf', file_data: url } })],
    ['input_audio', 'chat', chat({ type: 'input_audio', input_audio: { data: url, format: 'wav' } })],
    ['an unknown member', 'chat', chat({ type: 'image_url', source: { anything: url } })],
    ['a part without a type', 'chat', chat({ image: url })],
    ['input_image', 'responses', input({ type: 'input_image', image_url: url })],
    ['input_file', 'responses', input({ type: 'input_file', file_url: url })],
    ['input_file by file_data', 'responses', input({ type: 'input_file', file_data: url })],
    ['an image for a prompt', 'responses', variable({ type: 'input_image', image_url: url })],
    ['embeddings of images', 'embeddings', { input: [{ image: url }] }],
  ]),
  ['file_id', 'chat', chat({ type: 'file', file: { file_id: 'file-1' } })],
  ['audio of the assistant', 'chat', { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] }],
  ['a part of an unknown type', 'chat', chat({ type: 'stored_thing', key: 'a' })],
  ['file_id', 'responses', input({ type: 'input_file', file_id: 'file-1' })],
  ['image by file_id', 'responses', input({ type: 'input_image', file_id: 'file-1' })],
  ['a file for a prompt', 'responses', variable({ type: 'input_file', file_id: 'file-1' })],
  [
    'output of a tool',
    'responses',
    { input: [{ type: 'function_call_output', output: [{ type: 'input_file', file_id: 'f' }] }] },
  ],
]

test.each(pointing)(
  '%s, %s: what it points at may change, so that its answer is not kept',
  (_, operation, body) => {
    expect(bypassReason(operation, body, 'm', false)).toBe('remote-content')
    expect(bypassReason(operation, body, 'm', true)).toBeUndefined()
  },
)

const held: [string, Operation, JsonObject][] = [
  ['text with an address in it', 'chat', chat({ type: 'text', text: 'https://e.example' })],
  ['content that is text', 'chat', { messages: [{ role: 'user', content: 'https://e.example' }] }],
  ['an image in the body', 'chat', chat({ type: 'image_url', image_url: { url: DATA, detail: 'low' } })],
  ['a file in the body', 'chat', chat({ type: 'file', file: { filename: 'a', file_data: 'iVBORw0KGgo=' } })],
  [
    'audio in the body',
    'chat',
    chat({ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } }),
  ],
  ['an assistant without audio', 'chat', { messages: [{ role: 'assistant', content: 'hi', audio: null }] }],
  ['an image in the body', 'responses', input({ type: 'input_image', image_url: DATA })],
  [
    'an earlier answer that cites',
    'responses',
    input({ type: 'output_text', text: 'a', annotations: [{ type: 'url_citation', url: 'https://e' }] }),
  ],
  ['texts for a prompt', 'responses', { prompt: { id: 'p', version: '1', variables: { it: 'https://e' } } }],
  ['texts to embed', 'embeddings', { input: ['https://e.example'] }],
]

test.each(held)('%s, %s: all of it is in the body', (_, operation, body) => {
  expect(bypassReason(operation, body, 'm', false)).toBeUndefined()
})
