import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { isObject, textOf } from '../core/json.ts'

/** A request of a file. */
export type WarmRequest = {
  /** Number of its line, from 1. */
  line: number
  /** Below `/v1`, e.g. `/chat/completions`. */
  path: string
  body: object
  agent?: string
}

/** A line that holds no request: what is wrong, and with which field. */
export type BadLine = { line: number; problem: string }

const PATHS = ['/chat/completions', '/responses', '/completions', '/embeddings']

/** Yields the requests of a file that are not done yet, reading no further than it is asked. Empty lines are left out. */
export async function* readRequests(
  file: string,
  isDone: (line: number) => boolean,
): AsyncGenerator<WarmRequest | BadLine> {
  let line = 0
  for await (const text of createInterface({
    input: createReadStream(file),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    line += 1
    if (text.trim() !== '' && !isDone(line)) yield requestIn(text, line)
  }
}

function requestIn(text: string, line: number): WarmRequest | BadLine {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { line, problem: 'it is not JSON' }
  }
  if (!isObject(value)) return { line, problem: 'it is no object' }
  const { url = '/v1/chat/completions', method = 'POST', body, agent } = value
  if (method !== 'POST') return { line, problem: 'method must be POST' }
  const path = (textOf(url) ?? '').replace(/^\/v1(?=\/)/, '')
  if (!PATHS.includes(path))
    return { line, problem: `url must be one of ${PATHS.map((one) => `/v1${one}`).join(', ')}` }
  if (!isObject(body)) return { line, problem: 'body is missing: the request, as an object' }
  if (agent !== undefined && textOf(agent) === undefined) return { line, problem: 'agent must be a name' }
  return { line, path, body, ...(agent !== undefined && { agent: agent as string }) }
}
