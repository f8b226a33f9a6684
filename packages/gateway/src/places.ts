import type { Settings } from './options.ts'
import type { Link } from './redis/link.ts'
import { createMetricsSink } from './sinks/metrics/sink.ts'
import type { Sink } from './sinks/sink.ts'

/** Where records go: what options and environment switch on, and the program's own. `link`: shared Redis, if there is one. */
export function placesOf({ sinks, metrics }: Settings, link: Link | undefined): Sink[] {
  return [...(link && metrics ? [createMetricsSink(link, metrics)] : []), ...sinks]
}
