import type { Policy } from '@hotdash/llm-gateway'
import { vi } from 'vitest'
import { type Around, bare, type Cell, ours } from './clients.ts'
import { differences, refusalDifferences, refusalOf } from './compare.ts'
import type { Ending } from './endings.ts'
import { run } from './run.ts'
import { nodes, replacement, type Transport } from './transports.ts'

/** What is different in a cell, in words. */
export async function probe(cell: Cell, elsewhere: string): Promise<string[]> {
  const { ending, transport } = cell
  if (ending.refused !== undefined)
    return await probeRefusal({ ...cell, isWarm: false }, ending.refused, elsewhere)
  const theirs = await run(cell, bare, elsewhere, around(transport))
  const mine = await run(cell, ours({}), elsewhere, around(transport))
  const found = differences(cell, theirs, mine)
  const { patience } = ending
  if (found.length === 0 || patience === undefined || patience.ms > 1_000) return found
  // The machine may have been too busy for the head to arrive in time.
  const patient = { ...patience, ms: patience.ms * 4 }
  return await probe({ ...cell, ending: { ...ending, patience: patient } }, elsewhere)
}

/** Compares a refusal with the same words from upstream. No request of it may reach upstream. */
async function probeRefusal(cell: Cell, policy: Policy, elsewhere: string): Promise<string[]> {
  const making = around(cell.transport)
  const mine = await run(cell, ours(policy), elsewhere, making)
  const refusal = refusalOf(mine)
  // The client could not be made, or could not sign.
  if (refusal === undefined) return differences(cell, await run(cell, bare, elsewhere, making), mine)
  const { status, headers, body } = refusal
  const ending: Ending = {
    name: 'the same words',
    serve: ({ reply }) => reply.writeHead(status, headers).end(body),
  }
  const always = { ...cell, ending, times: Number.POSITIVE_INFINITY }
  return refusalDifferences(await run(always, bare, elsewhere, making), mine)
}

/** Makes the client under Node's `fetch`, which is replaced afterwards. */
const around =
  ({ global }: Transport): Around =>
  (work) => {
    if (global !== 'after') return work()
    vi.stubGlobal('fetch', nodes)
    try {
      return work()
    } finally {
      vi.stubGlobal('fetch', replacement)
    }
  }
