import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { bufferedResponse } from './buffered-response.ts'
import { layeredHeaders } from './layered-headers.ts'

const TEXT = '{"greeting":"hé 👋"}'
const HEADERS = new Headers({ 'content-type': 'application/json', 'x-request-id': 'req_1' })
const HEAD = { status: 201, statusText: 'Made', url: 'https://api.openai.com/v1/chat/completions' }

/** Uses of a Response by a caller; each returns its value or the kind of its error. */
const STEPS: Record<string, (response: Response) => unknown> = {
  text: (response) => response.text(),
  json: (response) => response.json(),
  arrayBuffer: async (response) => new Uint8Array(await response.arrayBuffer()),
  bytes: async (response) => new Uint8Array(await response.bytes()),
  blob: async (response) => await (await response.blob()).text(),
  formData: (response) => response.formData(),
  stream: async (response) => {
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? [])
      text += decoder.decode(chunk as Uint8Array, { stream: true })
    return text
  },
  clone: (response) => response.clone().text(),
  used: (response) => response.bodyUsed,
  lock: (response) => {
    response.body?.getReader()
    return response.body?.locked
  },
  cancel: async (response) => await response.body?.cancel(),
}

async function play(response: Response, names: string[]): Promise<unknown[]> {
  const told: unknown[] = []
  for (const name of names) {
    try {
      told.push(await STEPS[name]?.(response))
    } catch (error) {
      told.push((error as Error).constructor.name)
    }
    told.push(response.bodyUsed)
  }
  return told
}

describe.each<[string, () => string | Uint8Array | ReadableStream<Uint8Array> | null]>([
  ['a string', () => TEXT],
  ['bytes', () => new TextEncoder().encode(TEXT)],
  ['a stream', () => new Blob([TEXT]).stream()],
  ['nothing', () => null],
])('a Response at rest over %s', (_, body) => {
  const names = Object.keys(STEPS)
  const pairs = names.flatMap((first) => names.map((second): [string, string] => [first, second]))

  test.each(pairs)('%s, then %s: as a plain Response', async (first, second) => {
    const plain = new Response(body() as BodyInit, { ...HEAD, headers: HEADERS })
    const rest = bufferedResponse(body(), layeredHeaders(HEADERS), HEAD)
    expect(await play(rest, [first, second, 'used'])).toEqual(await play(plain, [first, second, 'used']))
  })

  test('tells its head', () => {
    const rest = bufferedResponse(body(), layeredHeaders(HEADERS), HEAD)
    expect(rest).toBeInstanceOf(Response)
    expect(rest.constructor.name).toBe('Response')
    expect([rest.status, rest.ok, rest.statusText, rest.url]).toEqual([201, true, 'Made', HEAD.url])
    expect([rest.type, rest.redirected]).toEqual(['basic', false])
    expect([...rest.headers]).toEqual([...HEADERS])
    expect(rest.clone().url).toBe(HEAD.url)
  })
})

test('everything that a Response has, it has of its own: the usual one would not know its body', () => {
  const rest = Object.getPrototypeOf(bufferedResponse(TEXT, layeredHeaders(HEADERS), HEAD))
  const usual = Object.getOwnPropertyNames(Response.prototype)
  expect(usual.filter((name) => !Object.hasOwn(rest, name))).toEqual([])
  expect(inspect(bufferedResponse(TEXT, layeredHeaders(HEADERS), HEAD))).toMatch(/^Response \{/)
})

test.each([true, false])(
  'headers can be changed where a program constructed them (%s), and a clone has its own',
  (mutable) => {
    const response = bufferedResponse(TEXT, layeredHeaders(HEADERS), { ...HEAD, mutable })
    const change = (headers: Headers) => {
      try {
        headers.set('x-request-id', 'changed')
        headers.append('x-new', '1')
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
      }
      return [headers.get('x-request-id'), headers.get('x-new')]
    }
    const left = ['req_1', null]
    const changed = ['changed', '1']
    const clone = response.clone()
    expect(change(response.headers)).toEqual(mutable ? changed : left)
    expect([clone.headers.get('x-request-id'), clone.headers.get('x-new')]).toEqual(left)
    expect(change(clone.headers)).toEqual(mutable ? changed : left)
    expect([HEADERS.get('x-request-id'), HEADERS.get('x-new')]).toEqual(left)
  },
)
