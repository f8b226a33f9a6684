import type { Settings } from './options.ts'
import type { Link } from './redis/link.ts'
import type { Sink } from './sinks/sink.ts'

/** Where records go: what options and environment switch on, and the program's own. `link`: shared Redis, if there is one. */
export function placesOf(settings: Settings, _link: Link | undefined): Sink[] {
  return [...settings.sinks]
}
