import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { optionsFor, stand, VERSIONS } from './kit.ts'

const CALLS = 20

async function run(version: (typeof VERSIONS)[number], end: 'itself' | 'wait', hangs = false) {
  const langfuse = await stand(version)
  if (hangs) langfuse.fault({ type: 'hang' })
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const gateway = JSON.stringify({
    agent: 'support',
    quota: false,
    cache: { semantic: false },
    langfuse: optionsFor(langfuse),
  })
  const child = fork(
    fileURLToPath(new URL('agent.ts', import.meta.url)),
    [upstream.baseURL, gateway, String(CALLS), end],
    { silent: true, execArgv: ['--disable-warning=ExperimentalWarning'] },
  )
  let said = ''
  child.stdout?.on('data', (piece) => (said += String(piece)))
  child.stderr?.on('data', (piece) => (said += String(piece)))
  let asked = 0
  child.once('message', () => {
    asked = performance.now()
    if (end === 'wait') child.kill('SIGTERM')
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('close', (...how) => resolve(how)),
  )
  const tookMs = performance.now() - asked
  await upstream.close()
  return { langfuse, said, code, signal, tookMs }
}

test.each(VERSIONS)('%s: a program that ends delivers what it held, and prints nothing', async (version) => {
  const { langfuse, said, code } = await run(version, 'itself')
  expect({ said, code, held: langfuse.observations.size }).toEqual({ said: '', code: 0, held: CALLS })
  expect(langfuse.malformed).toEqual([])
})

test.each(VERSIONS)('%s: SIGTERM ends it, after what it held is delivered', async (version) => {
  const { langfuse, said, signal } = await run(version, 'wait')
  expect({ said, signal, held: langfuse.observations.size }).toEqual({
    said: '',
    signal: 'SIGTERM',
    held: CALLS,
  })
})

test.each(['itself', 'wait'] as const)('a server that hangs keeps no program alive (%s)', async (end) => {
  const { tookMs, said } = await run('2.95.12', end, true)
  // What was under way when it wanted to end has timeoutMs, the last words have 3 s.
  expect(tookMs).toBeLessThan(10_000)
  expect(said).toBe('')
})
