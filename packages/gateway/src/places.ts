import type { Settings } from './options.ts'
import type { Link } from './redis/link.ts'
import { createLangfuseSink } from './sinks/langfuse/sink.ts'
import { createOtelSink } from './sinks/otel/sink.ts'
import type { Sink } from './sinks/sink.ts'

/** Where records go: what options and environment switch on, and the program's own. `link`: shared Redis, if there is one. */
export function placesOf({ langfuse, otel, sinks }: Settings, _link: Link | undefined): Sink[] {
  return [
    ...(langfuse === undefined ? [] : [createLangfuseSink(langfuse)]),
    ...(otel === undefined ? [] : [createOtelSink(otel)]),
    ...sinks,
  ]
}
