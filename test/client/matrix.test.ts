import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { runs, SEED, sampled, TEST_TIMEOUT_MS } from '../runs.ts'
import { type Cell, PATHS, WAYS } from './matrix/clients.ts'
import { ENDINGS } from './matrix/endings.ts'
import { CREDENTIALS } from './matrix/forms.ts'
import { OPERATIONS } from './matrix/operations.ts'
import { anyOf, type Choice, pairsOf, randomOf } from './matrix/pairs.ts'
import { probe } from './matrix/probe.ts'
import { replacement, startTransports, type Transport } from './matrix/transports.ts'
import { startUpstream } from './upstream.ts'

// Combines every form of credentials, transport, operation, ending and construction of the SDK's client, and compares the
// gateway's client with the bare one. In CI every two of them meet at least once, else a sample; `FUZZ_RUNS=10` tries ten times as
// many combinations.

const TRANSPORTS = 10
const SIZES = [
  ...[CREDENTIALS.length, TRANSPORTS, ENDINGS.length, OPERATIONS.length, PATHS.length, WAYS.length],
  // Warm or not, retries, how often upstream does so.
  ...[2, 2, 2],
]
/** Cells at the same time: most of them wait. */
const AT_ONCE = 8
const HANGS_MS = 180_000

beforeEach(() => {
  for (const name of [
    'OPENAI_API_KEY',
    'OPENAI_ADMIN_KEY',
    'AWS_BEARER_TOKEN_BEDROCK',
    'AZURE_OPENAI_API_KEY',
  ])
    vi.stubEnv(name, undefined)
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

function choices(): Choice[] {
  const pairs = pairsOf(SIZES, SEED)
  const random = randomOf(SEED)
  const more = Math.max(0, runs(pairs.length) - pairs.length)
  return [...sampled(pairs), ...Array.from({ length: more }, () => anyOf(SIZES, random))]
}

function cellOf(choice: Choice, transports: readonly Transport[]): Cell {
  const [credential = 0, transport = 0, ending = 0, operation = 0, path = 0, way = 0, ...rest] = choice
  const [warm, retries = 0, always] = rest
  return {
    credential: at(CREDENTIALS, credential),
    transport: at(transports, transport),
    ending: at(ENDINGS, ending),
    operation: at(OPERATIONS, operation),
    path: at(PATHS, path),
    way: at(WAYS, way),
    isWarm: warm === 1,
    maxRetries: retries,
    times: always === 1 ? Number.POSITIVE_INFINITY : 1,
  }
}

const at = <T>(list: readonly T[], place: number): T =>
  list[place] ?? expect.fail(`no ${place} of ${list.length}`)

/** Leaves out combinations at which the transport itself breaks. */
const isPossible = ({ transport, ending }: Cell): boolean =>
  !(transport.noLoops && ending.isLoop) && !(transport.ownClasses && ending.isBodyless)

const nameOf = ({
  credential,
  transport,
  ending,
  operation,
  path,
  way,
  isWarm,
  maxRetries,
  times,
}: Cell): string =>
  [
    ...[ending.name, operation.name, path, credential.name, transport.name, way],
    `${isWarm ? 'warm' : 'cold'}, ${maxRetries} retries, ${times} times`,
  ].join(' | ')

/** Returns the differences of a cell, or that it hangs. */
async function told(cell: Cell, elsewhere: string): Promise<string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<string[]>((resolve) => {
    timer = setTimeout(() => resolve(['it hangs']), HANGS_MS)
  })
  try {
    return await Promise.race([probe(cell, elsewhere), late])
  } finally {
    clearTimeout(timer)
  }
}

test('nothing differs from the bare client but what the page says', {
  timeout: 4 * TEST_TIMEOUT_MS,
}, async () => {
  const transports = await startTransports()
  expect(transports).toHaveLength(TRANSPORTS)
  const { origin } = await startUpstream((_, reply) => reply.writeHead(404).end())
  const cells = choices()
    .map((choice) => cellOf(choice, transports))
    .filter(isPossible)
  const found: string[] = []
  // The global `fetch` is shared by all cells that run at the same time.
  for (const global of [undefined, 'before', 'after'] as const) {
    if (global !== undefined) vi.stubGlobal('fetch', replacement)
    const left = cells.filter(({ transport }) => transport.global === global)
    const work = async () => {
      for (let cell = left.pop(); cell !== undefined; cell = left.pop())
        for (const difference of await told(cell, origin)) found.push(`${nameOf(cell)}: ${difference}`)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }
  expect(found.join('\n')).toBe('')
})
