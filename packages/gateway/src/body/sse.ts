/**
 * A server-sent event. `raw`: `data` is unparsed text, a part of an event too long to hold; it is passed on and never
 * parsed.
 */
export type SseEvent = { event?: string; data: string; raw?: true }

/** Characters of one event that are held. A longer event is passed on in pieces. The SDK has no limit. */
const MOST_CHARS = 32 * 1024 * 1024

/**
 * Parses server-sent events from bytes in any pieces (WHATWG HTML, "Interpreting an event stream"): CR, LF or CRLF ends a
 * line, a blank line an event; comments, `id` and `retry` are ignored. Follows the OpenAI SDK where that differs from the
 * standard: a byte order mark may begin any line, an event without data has empty data, and `end()` emits an event whose
 * blank line is missing. Takes time linear in the bytes, for any division into pieces.
 */
export function sseParser(onEvent: (event: SseEvent) => void, mostChars = MOST_CHARS) {
  // The SDK decodes line by line, which strips a byte order mark from each.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** Pieces of the unfinished line, and their length. */
  let pieces: string[] = []
  let begun = 0
  let name: string | undefined
  /** Data lines of the unfinished event, and their length. */
  let lines: string[] = []
  let held = 0
  let afterCr = false
  /** Set while an event is too long: its text is passed on until its blank line. */
  let spills: { midLine: boolean } | undefined

  function read(line: string) {
    if (line === '') return dispatch()
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1)
    if (field === 'event') name = value
    if (field !== 'data') return
    lines.push(value)
    held += value.length + 1
  }

  function dispatch() {
    if (name || lines.length > 0) {
      const data = lines.join('\n')
      onEvent(name ? { event: name, data } : { data })
    }
    name = undefined
    if (lines.length > 0) lines = []
    held = 0
  }

  function endLine(rest: string) {
    if (spills !== undefined) {
      onEvent({ data: `${rest}\n`, raw: true })
      if (rest === '' && !spills.midLine) spills = undefined
      else spills.midLine = false
      return
    }
    const line = pieces.length === 0 ? rest : pieces.join('') + rest
    if (pieces.length > 0) pieces = []
    begun = 0
    read(line.charCodeAt(0) === BOM ? line.slice(1) : line)
  }

  /** Holds text of an unfinished line, or passes it on. */
  function hold(text: string) {
    if (text === '') return
    if (spills !== undefined) {
      spills.midLine = true
      return onEvent({ data: text, raw: true })
    }
    pieces.push(text)
    begun += text.length
  }

  function spill() {
    const before = [...(name ? [`event: ${name}`] : []), ...lines.map((line) => `data: ${line}`)]
    onEvent({ data: [...before, pieces.join('')].join('\n'), raw: true })
    spills = { midLine: begun > 0 }
    pieces = []
    begun = 0
    name = undefined
    lines = []
    held = 0
  }

  function feed(text: string) {
    let from = 0
    if (afterCr && text !== '') {
      if (text.charCodeAt(0) === LF) from = 1
      afterCr = false
    }
    let lf = text.indexOf('\n', from)
    let cr = text.indexOf('\r', from)
    while (lf !== -1 || cr !== -1) {
      const isCr = cr !== -1 && (lf === -1 || cr < lf)
      const to = isCr ? cr : lf
      endLine(text.slice(from, to))
      from = to + 1
      if (isCr && from === text.length) afterCr = true
      else if (isCr && text.charCodeAt(from) === LF) from += 1
      if (isCr) cr = text.indexOf('\r', from)
      if (lf !== -1 && lf < from) lf = text.indexOf('\n', from)
    }
    hold(from === 0 ? text : text.slice(from))
    if (held + begun > mostChars) spill()
  }

  return {
    push: (bytes: Uint8Array) => feed(decoder.decode(bytes, STREAM)),
    end() {
      feed(decoder.decode())
      if (pieces.length > 0) endLine('')
      if (spills === undefined) dispatch()
    },
  }
}

const NO_EVENTS: readonly SseEvent[] = Object.freeze([])

/** Creates a parser whose calls return the events that they completed, each in a list of its own. */
export function sseReader() {
  let found: SseEvent[] | undefined
  const parser = sseParser((event) => {
    if (found === undefined) found = [event]
    else found.push(event)
  })

  function taken(): readonly SseEvent[] {
    const events = found ?? NO_EVENTS
    found = undefined
    return events
  }

  return {
    push(bytes: Uint8Array) {
      parser.push(bytes)
      return taken()
    },
    end() {
      parser.end()
      return taken()
    },
  }
}

const SPACE = 0x20
const LF = 0x0a
const BOM = 0xfeff
const STREAM = { stream: true }

export function sseFrame({ event, data, raw }: SseEvent): string {
  if (raw) return data
  const name = event === undefined ? '' : `event: ${event}\n`
  return data.includes('\n')
    ? `${name}data: ${data.replaceAll('\n', '\ndata: ')}\n\n`
    : `${name}data: ${data}\n\n`
}
