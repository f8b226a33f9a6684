import { writeFileSync } from 'node:fs'
import type { Policy } from '@hotdash/llm-gateway'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SEED } from '../bytes/runs.ts'
import { type Around, bare, type Cell, ours, PATHS, run, WAYS } from './matrix/cells.ts'
import { differences, refusalDifferences, refusalOf } from './matrix/compare.ts'
import { type Ending, ENDINGS } from './matrix/endings.ts'
import { CREDENTIALS } from './matrix/forms.ts'
import { OPERATIONS } from './matrix/operations.ts'
import { anyOf, type Choice, pairsOf, randomOf } from './matrix/pairs.ts'
import { nodes, replacement, startTransports, type Transport } from './matrix/transports.ts'
import { startUpstream } from './upstream.ts'

// Every form of credentials, transport, operation and ending of the SDK, each in each way that a client comes about, beside
// the bare client: every two of them meet at least once. `FUZZ_RUNS=10` tries ten times as many meetings of all of them.

beforeEach(() => {
  for (const name of ['OPENAI_API_KEY', 'OPENAI_ADMIN_KEY', 'AWS_BEARER_TOKEN_BEDROCK', 'AZURE_OPENAI_API_KEY'])
    vi.stubEnv(name, undefined)
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const TRANSPORTS = 10
const SIZES = [
  ...[CREDENTIALS.length, TRANSPORTS, ENDINGS.length, OPERATIONS.length, PATHS.length, WAYS.length],
  // Warm or not, retries, how often upstream does so.
  ...[2, 2, 2],
]

function cellOf(choice: Choice, transports: readonly Transport[]): Cell {
  const [credential = 0, transport = 0, ending = 0, operation = 0, path = 0, way = 0, warm, retries, times] = choice
  return {
    credential: at(CREDENTIALS, credential),
    transport: at(transports, transport),
    ending: at(ENDINGS, ending),
    operation: at(OPERATIONS, operation),
    path: at(PATHS, path),
    way: at(WAYS, way),
    isWarm: warm === 1,
    maxRetries: retries ?? 0,
    times: times === 1 ? Number.POSITIVE_INFINITY : 1,
  }
}

function at<T>(list: readonly T[], place: number): T {
  const item = list[place]
  return item ?? expect.fail(`no ${place} of ${list.length}`)
}

const FACTOR = Number(process.env.FUZZ_RUNS ?? 1)

function choices(): Choice[] {
  const pairs = pairsOf(SIZES, SEED)
  const random = randomOf(SEED)
  const more = Math.max(0, Math.round(pairs.length * (FACTOR - 1)))
  return [...pairs, ...Array.from({ length: more }, () => anyOf(SIZES, random))]
}

/** Some things cannot meet: then what cannot be is left out. */
function isPossible({ transport, ending }: Cell): boolean {
  return !(transport.noLoops && ending.isLoop) && !(transport.ownClasses && ending.isBodyless)
}

/** What is different in a cell. */
async function probe(cell: Cell, elsewhere: string): Promise<string[]> {
  const { ending, transport } = cell
  if (ending.refused !== undefined) return await probeRefusal({ ...cell, isWarm: false }, ending.refused, elsewhere)
  const theirs = await run(cell, bare, elsewhere, around(transport))
  const mine = await run(cell, ours({}), elsewhere, around(transport))
  const found = differences(cell, theirs, mine)
  const { patience } = ending
  if (found.length === 0 || patience === undefined || patience.ms > 1_000) return found
  // The machine may have been too busy for what was to come in time.
  return await probe({ ...cell, ending: { ...ending, patience: { ...patience, ms: patience.ms * 4 } } }, elsewhere)
}

/** A refusal is to a program what upstream's own would be, word for word, and nothing of it reaches upstream. */
async function probeRefusal(cell: Cell, policy: Policy, elsewhere: string): Promise<string[]> {
  const mine = await run(cell, ours(policy), elsewhere, around(cell.transport))
  const refusal = refusalOf(mine)
  if (refusal === undefined) {
    // The client could not be made, or could not sign.
    return differences(cell, await run(cell, bare, elsewhere, around(cell.transport)), mine)
  }
  const { status, headers, body } = refusal
  const ending: Ending = { name: 'the same', serve: ({ reply }) => reply.writeHead(status, headers).end(body) }
  const always = { ...cell, ending, times: Number.POSITIVE_INFINITY }
  return refusalDifferences(await run(always, bare, elsewhere, around(cell.transport)), mine)
}

/** A program that replaces `fetch` after it has made its client. */
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

/** A cell that hangs is told by its name. */
async function within<T>(ms: number, work: Promise<T>, otherwise: T): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

async function globally<T>({ transport }: Cell, work: () => Promise<T>): Promise<T> {
  if (transport.global === undefined) return await work()
  return await work()
}

const nameOf = ({ credential, transport, ending, operation, path, way, isWarm, maxRetries, times }: Cell) =>
  [
    ...[ending.name, operation.name, path, credential.name, transport.name, way],
    `${isWarm ? 'warm' : 'cold'}, ${maxRetries} retries, ${times} times`,
  ].join(' | ')

test('nothing differs from the bare client but what the page says', { timeout: 600_000 * Math.max(1, FACTOR) }, async () => {
  const transports = await startTransports()
  expect(transports.length).toBe(TRANSPORTS)
  const { origin } = await startUpstream((request, reply) => reply.writeHead(404).end())
  const cells = choices().map((choice) => cellOf(choice, transports)).filter(isPossible).filter((cell) => new RegExp(process.env.CELL ?? '').test(nameOf(cell))).slice(0, Number(process.env.CELLS ?? 1e9))
  const found: string[] = []
  for (const global of [undefined, 'before', 'after'] as const) {
  const batch = cells.filter(({ transport }) => transport.global === global)
  if (global !== undefined) vi.stubGlobal('fetch', replacement)
  let next = 0
  const work = async () => {
    for (let cell = batch[next++]; cell !== undefined; cell = batch[next++])
      for (const difference of await within(120_000, probe(cell, origin), ['it hangs'])) found.push(`${difference}\n    in ${nameOf(cell)}`)
  }
  const trace = setInterval(() => { writeFileSync('/tmp/close13-progress', `${next} ${found.length}\n${found.join('\n')}`) }, 500)
  await Promise.all(Array.from({ length: 8 }, work))
  clearInterval(trace)
  writeFileSync('/tmp/close13-progress', `${next} ${found.length}\n${found.join('\n')}`)
  }
  console.log(cells.length, 'cells', found.length, 'differences')
  expect(found).toEqual([])
})
