// Upstream and the receivers of records, in a process of their own: what they keep is not the agents' memory.
import { type Receiver, type ReceiverFault, startReceivers } from './receivers.ts'
import { type Books, startUpstream } from './upstream.ts'

export type WorldOrder =
  | { type: 'storm'; on: boolean }
  | { type: 'fault'; receiver: Receiver; fault: ReceiverFault }
  | { type: 'counts' }
  | { type: 'ids' }

export type WorldReport =
  | { type: 'ready'; baseURL: string; places: Awaited<ReturnType<typeof startReceivers>>['places'] }
  | { type: 'counts'; counts: Record<Receiver, number>; books: Record<string, Books> }
  | { type: 'ids'; ids: Record<Receiver, string[]>; books: Record<string, Books>; malformed: string[] }

const upstream = await startUpstream()
const receivers = await startReceivers()
const tell = (report: WorldReport) => void process.send?.(report)

process.on('message', (order: WorldOrder) => {
  if (order.type === 'storm') upstream.storm(order.on)
  else if (order.type === 'fault') receivers.fault(order.receiver, order.fault)
  else if (order.type === 'counts')
    tell({ type: 'counts', counts: receivers.counts(), books: upstream.books() })
  else tell({ type: 'ids', ids: receivers.ids(), books: upstream.books(), malformed: receivers.malformed() })
})
process.on('disconnect', () => process.exit(0))
tell({ type: 'ready', baseURL: upstream.baseURL, places: receivers.places })
