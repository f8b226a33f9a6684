import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('./fixtures/leaver.mjs', import.meta.url))

type End = { out: string; err: string; code: number | null; signal: NodeJS.Signals | null }

async function leave(how: string, signal?: NodeJS.Signals): Promise<End> {
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const child = spawn(process.execPath, [script, upstream.baseURL, how])
  const end: End = { out: '', err: '', code: null, signal: null }
  child.stdout.on('data', (data) => {
    end.out += data
  })
  child.stderr.on('data', (data) => {
    end.err += data
    if (signal && String(data).includes('ready')) child.kill(signal)
  })
  await new Promise<void>((resolve) =>
    child.on('close', (code, signal) => {
      Object.assign(end, { code, signal })
      resolve()
    }),
  )
  await upstream.close()
  return end
}

test('a program that ends of itself delivers its records first', async () => {
  expect(await leave('')).toEqual({ out: 'ok ok ok ', err: '', code: 0, signal: null })
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a program ended by %s delivers its records, and still ends by it',
  async (signal) => {
    expect(await leave('signal', signal)).toEqual({ out: 'ok ok ok ', err: 'ready', code: null, signal })
  },
)

test('a program with a handler of its own ends when and how it says', async () => {
  expect(await leave('signal handler', 'SIGTERM')).toMatchObject({ out: 'ok ok ok ', code: 7 })
})

test('a sink that hangs keeps no program from ending', async () => {
  expect(await leave('hung')).toMatchObject({ out: '', code: 0 })
  expect(await leave('hung signal', 'SIGTERM')).toMatchObject({ out: '', signal: 'SIGTERM' })
})
