import { isDeepStrictEqual } from 'node:util'
import { isObject, isSet, type Json, type JsonObject, list, parseObject, text } from '../core/json.ts'
import { MAX_ANSWER_CHARS } from '../core/recording.ts'
import { isUnwieldy } from '../util/json-limits.ts'
import { ensureExactNumbers } from './exact-numbers.ts'
import { addPart, type Item, matchesFinal, partOf } from './response-parts.ts'
import type { SseEvent } from './sse.ts'
import { ensure, ifUnambiguous } from './unambiguous.ts'

/** State of a stream: its id, and its items by their index. */
type State = { id: string; items: Map<number, Item> }

const BEGUN = new Set(['response.created', 'response.queued', 'response.in_progress'])
const CUT = new Set(['response.incomplete', 'response.failed'])

/**
 * Returns the response of a stream's terminal event.
 * @returns `undefined` if the events before it add up to another response, if the SDK's accumulator throws
 * (`ResponseStream`, openai 7.57), or if a replay cannot produce one of the events. Such a stream is passed on as it came and
 * never stored.
 */
export function responseOf(events: readonly SseEvent[]): JsonObject | undefined {
  return ifUnambiguous(() => {
    let state: State | undefined
    let ended: JsonObject | undefined
    for (const event of events) {
      const json = readable(event)
      const type = text(json.type)
      if (type === 'keepalive') continue
      // The SDK reads events after the terminal one.
      ensure(ended === undefined)
      if (state === undefined) {
        ensure(type === 'response.created')
        state = begin(json.response)
      } else if (BEGUN.has(type)) ensure(begin(json.response).id === state.id)
      else if (CUT.has(type)) ended = terminal(json.response, state)
      else if (type === 'response.completed') ended = completed(terminal(json.response, state), state)
      else addEvent(state.items, type, json)
    }
    return ended
  })
}

function readable({ event, data, raw }: SseEvent): JsonObject {
  ensure(!raw && event !== 'error' && !event?.startsWith('thread.'))
  ensure(!isUnwieldy(data, MAX_ANSWER_CHARS))
  const json = parseObject(data)
  ensure(json !== undefined && !json.error)
  ensureExactNumbers(data, json)
  return json
}

/** Items must be empty at the start: events could otherwise be replayed in another order. */
function begin(response: Json | undefined): State {
  ensure(isObject(response) && list(response.output).length === 0 && typeof response.id === 'string')
  return { id: response.id, items: new Map() }
}

function terminal(response: Json | undefined, { id }: State): JsonObject {
  ensure(isObject(response) && response.id === id)
  return response
}

function addEvent(items: Map<number, Item>, type: string, json: JsonObject) {
  const { output_index: index, item } = json
  ensure(typeof index === 'number')
  const known = items.get(index)
  if (type === 'response.output_item.added') {
    ensure(known === undefined && isObject(item) && index === items.size)
    items.set(index, added(item))
    return
  }
  ensure(known !== undefined && known.done === undefined)
  if (type !== 'response.output_item.done') return addPart(known, type, json)
  ensure(isObject(item) && item.id === known.id && item.type === known.type)
  known.done = item
}

function added(item: JsonObject): Item {
  const { id, type, content, summary } = item
  ensure(typeof id === 'string' && id !== '' && typeof type === 'string')
  ensure(list(content).length === 0 && list(summary).length === 0)
  return {
    id,
    type,
    own: partOf('', item),
    parts: [],
    done: undefined,
  }
}

/** Returns the response if each of its items matches its events. Some upstreams send no events of items. */
function completed(response: JsonObject, { items }: State): JsonObject {
  const { output } = response
  ensure(Array.isArray(output))
  if (items.size === 0) return response
  ensure(output.length === items.size && new Set([...items.values()].map(({ id }) => id)).size === items.size)
  for (const [index, item] of items) {
    const final = output[index]
    ensure(
      isObject(final) && isSet(item.done) && isDeepStrictEqual(item.done, final) && matchesFinal(item, final),
    )
  }
  return response
}
