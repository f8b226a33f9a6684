import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { completion } from './completion.ts'
import { CHUNKS } from './upstream-size.ts'

/**
 * An upstream in a process of its own: answers are fixed, so its cost is the same for each side. It has no delay unless
 * one is set.
 */
let delayMs = 0
let asked = 0
/** A number sets the delay; `asked` is answered with how many calls there were. */
process.on('message', (order: number | 'asked') => {
  if (order === 'asked') process.send?.(asked)
  else delayMs = order
})
const whole = completion('x'.repeat(400))

const chunk = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_767_225_600, model: 'gpt-4o-mini', service_tier: 'default', system_fingerprint: 'fp_bench', choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`
const usage = `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', choices: [], usage: { prompt_tokens: 250, completion_tokens: 300, total_tokens: 550 } })}\n\n`

const server = createServer({ noDelay: true, keepAliveTimeout: 60_000 }, (req, res) => {
  let body = ''
  asked += 1
  req.setEncoding('utf8')
  req.on('data', (piece: string) => {
    body += piece
  })
  req.on('end', () => {
    if (delayMs === 0) answer(res, body)
    else setTimeout(answer, delayMs, res, body)
  })
})

function answer(res: ServerResponse, body: string): void {
  if (!body.includes('"stream":true')) {
    res.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(whole),
      'x-request-id': 'req_bench',
    })
    return void res.end(whole)
  }
  res.writeHead(200, { 'content-type': 'text/event-stream' })
  res.write(chunk({ role: 'assistant', content: '' }, null))
  let sent = 1
  const more = () => {
    for (let burst = 0; burst < 10 && sent < CHUNKS; burst += 1, sent += 1)
      res.write(chunk({ content: `word${sent} ` }, null))
    if (sent < CHUNKS) return void setImmediate(more)
    return void res.end(`${chunk({}, 'stop')}${usage}data: [DONE]\n\n`)
  }
  setImmediate(more)
}

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit(0))
