import { spawn } from 'node:child_process'
import { afterAll, expect, test } from 'vitest'
import { closeLater } from '../closing.ts'
import { BIN, llmGateway } from '../command.ts'
import { folder, stop } from './doctor-kit.ts'

afterAll(stop)

test('--watch prints a document each time, and ends at SIGTERM with 0', async () => {
  const child = spawn(
    process.execPath,
    [BIN, 'doctor', '--watch', '--interval', '1', '--json', '--dir', folder],
    {
      env: { PATH: process.env.PATH ?? '' },
    },
  )
  closeLater(() => child.kill('SIGKILL'))
  let printed = ''
  const lines = () => printed.split('\n').slice(0, -1)
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) =>
      reject(new Error(`it has ended with ${code} after ${lines().length} documents`)),
    )
    child.stdout.on('data', (chunk) => {
      printed += String(chunk)
      if (lines().length >= 2) resolve()
    })
  })
  for (const line of lines()) expect(JSON.parse(line)).toMatchObject({ healthy: false })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

test.each([
  [['--interval', '0'], '--interval must be'],
  [['--serve', 'nonsense'], '--serve must be'],
  [['surplus'], 'is a word too many'],
])('doctor %j is a usage error', async (args, message) => {
  const { code, err } = await llmGateway(['doctor', ...args], {})
  expect([code, err.includes(message)], err).toEqual([2, true])
})
