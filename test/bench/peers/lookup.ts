import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startRedis } from '../../redis/server.ts'
import { question, reworded, vectorOf } from '../lookup/calls.ts'
import { quantile } from '../measure.ts'
import { shuffled } from '../serve/measure.ts'
import { run } from './install.ts'
import { type Row, rowOf } from './result.ts'

/** Caches that are asked for an answer without a call: by meaning, or for the same words. */
type Lookup = { id: string; name: string; pip?: string[]; configuration: string; lacks?: string }

const SEARCH =
  'needs a Redis or Valkey with the search module (`FT.SEARCH`); the server that this command starts has none'

export const LOOKUPS: Lookup[] = [
  {
    id: 'lookup-ours',
    name: 'ours, by meaning',
    configuration: 'the whole call: an exact lookup, then the flat index in memory, and all guards',
  },
  {
    id: 'gptcache',
    name: 'GPTCache, by meaning',
    pip: ['gptcache==0.1.44', 'faiss-cpu==1.15.1', 'SQLAlchemy==2.1.9', 'numpy==2.4.6'],
    configuration: '`get()`: SQLite and Faiss, `SearchDistanceEvaluation`, as its page shows',
  },
  {
    id: 'betterdb-agent-cache',
    name: 'betterdb-agent-cache, same words',
    pip: ['betterdb-agent-cache==0.12.0', 'valkey==6.2.0'],
    configuration: '`llm.check()` in Redis; telemetry off',
  },
  {
    id: 'redisvl',
    name: 'RedisVL `SemanticCache`',
    pip: ['redisvl==0.28.0'],
    configuration: '–',
    lacks: SEARCH,
  },
  {
    id: 'betterdb-semantic-cache',
    name: 'betterdb-semantic-cache',
    pip: ['betterdb-semantic-cache==0.13.0'],
    configuration: '–',
    lacks: SEARCH,
  },
]

/** What one batch of lookups took, and what they found. */
type Found = { times: number[]; right: number; wrong: number }
type Asked = { ask: (from: number, calls: number) => Promise<Found>; close: () => void }

/** Each peer holds the same questions with the same vectors; they take turns in batches of ten. */
export async function lookups(
  ids: string[],
  keep: string,
  rounds: number,
  random: () => number,
): Promise<Row[]> {
  const entries = 1_000
  const chosen = LOOKUPS.filter(({ id }) => ids.includes(id))
  if (chosen.length === 0) return []
  const data = join(keep, 'lookup.json')
  mkdirSync(keep, { recursive: true })
  writeFileSync(data, JSON.stringify(questions(entries)))
  const redis = await startRedis()
  const running: { row: Row; asked: Asked; found: Found }[] = []
  const rows: Row[] = []
  for (const lookup of chosen) {
    const row = {
      ...rowOf(lookup),
      versions: lookup.pip?.join(', ').replaceAll('==', ' ') ?? 'this checkout',
    }
    rows.push(row)
    try {
      if (lookup.lacks !== undefined) throw new Error(lookup.lacks)
      const asked = await startLookup(lookup, keep, data, redis.url)
      running.push({ row, asked, found: { times: [], right: 0, wrong: 0 } })
    } catch (error) {
      row.missing.all = (error instanceof Error ? error.message : String(error)).slice(0, 300)
    }
  }
  for (let round = 0; round < rounds; round += 1)
    for (const { row, asked, found } of shuffled(running, random)) {
      if (row.missing.all !== undefined) continue
      try {
        const { times, right, wrong } = await asked.ask((round * 10) % entries, 10)
        found.times.push(...times)
        found.right += right
        found.wrong += wrong
      } catch (error) {
        row.missing.all = String(error).slice(0, 300)
      }
    }
  for (const { row, asked, found } of running) {
    asked.close()
    if (row.missing.all !== undefined) continue
    row.figures = {
      'lookup p50': quantile(found.times, 0.5),
      'lookup p99': quantile(found.times, 0.99),
      'lookup right': found.right / found.times.length,
      'lookup wrong': found.wrong / found.times.length,
    }
  }
  await redis.close()
  return rows
}

const questions = (entries: number) =>
  Array.from({ length: entries }, (_, at) => ({
    stored: question(at),
    storedVector: [...vectorOf(question(at))],
    asked: reworded(at),
    askedVector: [...vectorOf(reworded(at))],
  }))

async function startLookup({ id, pip }: Lookup, keep: string, data: string, redis: string): Promise<Asked> {
  const [program, file] =
    pip === undefined
      ? [process.execPath, fileURLToPath(new URL('./sides/lookup-ours.ts', import.meta.url))]
      : installPython(id, pip, keep)
  const child = spawn(program, [file, id, data, redis], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, BETTERDB_TELEMETRY: 'false' },
    cwd: keep,
  })
  let said = ''
  child.stderr.on('data', (piece) => {
    said = `${said}${piece}`.slice(-600)
  })
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`ended with ${code}: ${said.trim().split('\n').at(-1)}`)
  })
  ended.catch(() => undefined)
  const next = async () => {
    const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string]
    return line
  }
  await next()
  return {
    async ask(from, calls) {
      const line = next()
      child.stdin.write(`${JSON.stringify({ from, calls })}\n`)
      return JSON.parse(await line) as Found
    },
    close: () => void (child satisfies ChildProcess).kill('SIGKILL'),
  }
}

function installPython(id: string, pip: string[], keep: string): [program: string, file: string] {
  const folder = join(keep, id)
  const program = join(folder, 'bin', 'python')
  const done = join(folder, 'installed')
  if (!existsSync(done)) {
    rmSync(folder, { recursive: true, force: true })
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' })
    run(program, ['-m', 'pip', 'install', '--quiet', '--no-input', ...pip], folder)
    writeFileSync(done, pip.join('\n'))
  }
  const file = join(folder, 'lookup.py')
  copyFileSync(fileURLToPath(new URL('./sides/lookup.py', import.meta.url)), file)
  return [program, file]
}
