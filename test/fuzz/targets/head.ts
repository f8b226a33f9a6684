import { deepEqual, equal, ok } from 'node:assert/strict'
import { cleanRequest } from '#src/http/clean-request.ts'
import { parseBody } from '#src/http/parse-body.ts'
import { controlsOf } from '#src/identify/controls.ts'
import { readHeaders } from '#src/identify/headers.ts'
import { readBody } from '#src/identify/litellm-body.ts'
import { isPaid, matchBySuffix, pathAfterVersion, pathBelowBase } from '#src/operations/endpoints.ts'
import type { Target } from '../engine.ts'

const NAMES = /^x-gateway-(agent|session|user|trace|tags|cache|on-limit|also|token)\b/
const below = pathBelowBase(() => 'https://api.openai.com/v1')

function headersOf(lines: string[]): Headers {
  const headers = new Headers()
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:]*):(.*)$/s.exec(line) ?? []
    try {
      headers.append(name, value)
    } catch {
      // No such header can be sent.
    }
  }
  return headers
}

/** The entrance: an address, headers, a blank line, a body. */
export const target: Target = {
  seeds: [
    'https://api.openai.com/v1/chat/completions\nx-gateway-agent: support\nx-gateway-cache: {"noStore":true}\n\n{"model":"gpt-4o-mini","messages":[]}',
    'https://api.openai.com/v1/./responses?x=1\nx-gateway-tags: a, b\nx-gateway-user: J%C3%BCrgen\nx-gateway-also: ["a"]\n\n{"cache":{"no-cache":true,"s-maxage":5,"namespace":"n"},"metadata":{"tags":["t"],"session_id":"s","trace_user_id":"u"}}',
    'https://x.example/openai/deployments/m/%63hat/completions\nx-gateway-token: k\nx-gateway-on-limit: wait\nx-gateway-session: %F0%9F\nx-gateway-cache: no-store\n\n[1]',
  ],
  run(input) {
    const text = input.toString('utf8')
    const [head = '', body = ''] = text.split('\n\n', 2)
    const [url = '', ...lines] = head.split('\n')
    const given = headersOf(lines)
    const clean = cleanRequest(url, { method: 'post', headers: given, body })
    for (const name of clean.headers.keys())
      ok(!name.startsWith('x-gateway-'), `${name} would leave the process`)
    for (const [name, value] of given)
      if (!name.startsWith('x-gateway-'))
        equal(clean.headers.get(name), value.replace(/^[ \t]+|[ \t]+$/g, ''))
    // A broken escape, such as %%63, becomes a whole one when it is read.
    if (!/%(?![\da-f]{2})/i.test(url))
      equal(cleanRequest(clean.url, {}).url, clean.url, 'read twice, it differs')
    const complaints: string[] = []
    const options = readHeaders(clean.gatewayHeaders ?? new Headers(), (name) => complaints.push(name))
    for (const complaint of complaints) ok(NAMES.test(complaint), complaint)
    if (given.has('x-gateway-token')) equal(typeof options.key, 'string', 'a key was ignored')
    const controls = controlsOf([options])
    equal(typeof controls.cache.read, 'boolean')
    for (const tag of controls.tags) equal(typeof tag, 'string')
    const match = matchBySuffix(clean.url)
    if (match !== undefined) ok(isPaid('POST', clean.url), 'a governed address is not paid')
    pathAfterVersion(clean.url)
    below(clean.url)
    readJson(body, match?.operation)
  },
}

function readJson(body: string, operation: Parameters<typeof readBody>[1]): void {
  const parsed = parseBody(body)
  if (parsed === undefined || 'excess' in parsed) return
  deepEqual(parsed.json, JSON.parse(body))
  equal(parsed.fetchOptions.body, body)
  const read = readBody(parsed.json, operation)
  if (read?.context.cache !== undefined && read.context.cache !== false)
    ok(
      Object.values(read.context.cache).every((value) =>
        ['boolean', 'number', 'string'].includes(typeof value),
      ),
    )
}
