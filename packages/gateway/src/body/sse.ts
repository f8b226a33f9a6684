export type SseEvent = { event?: string; data: string }

/**
 * Server-sent events out of bytes that come in any pieces (WHATWG HTML, "Interpreting an event stream"): CR, LF or
 * CRLF ends a line, a blank line an event; comments, `id` and `retry` mean nothing here. `end()` gives out an event
 * whose blank line never came, as the OpenAI SDK does.
 */
export function sseParser(onEvent: (event: SseEvent) => void) {
  const decoder = new TextDecoder()
  let rest = ''
  let name: string | undefined
  let data: string | undefined

  function line(line: string) {
    if (line === '') return dispatch()
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1)
    if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (field === 'event') name = value
  }

  function dispatch() {
    if (data !== undefined) onEvent(name === undefined ? { data } : { event: name, data })
    name = undefined
    data = undefined
  }

  function feed(decoded: string, last: boolean) {
    let text = rest + decoded
    rest = ''
    // A CR at the very end may be half of a CRLF.
    const held = !last && text.endsWith('\r') ? '\r' : ''
    if (text.includes('\r')) text = text.slice(0, text.length - held.length).replace(/\r\n?/g, '\n')
    let from = 0
    for (let to = text.indexOf('\n'); to !== -1; to = text.indexOf('\n', from)) {
      line(text.slice(from, to))
      from = to + 1
    }
    rest = text.slice(from) + held
  }

  return {
    push: (bytes: Uint8Array) => feed(decoder.decode(bytes, STREAM), false),
    end() {
      feed(decoder.decode(), true)
      if (rest !== '') line(rest)
      rest = ''
      dispatch()
    },
  }
}

const SPACE = 0x20
const STREAM = { stream: true }

export function sseFrame({ event, data }: SseEvent): string {
  const name = event === undefined ? '' : `event: ${event}\n`
  return data.includes('\n')
    ? `${name}data: ${data.replaceAll('\n', '\ndata: ')}\n\n`
    : `${name}data: ${data}\n\n`
}
