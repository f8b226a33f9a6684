import { expect, test, vi } from 'vitest'
import { UsageError } from '../core/command.ts'
import { runSubcommand } from './subcommand.ts'

const subcommands = () => ({
  push: { takesOperand: true, run: vi.fn(() => 7) },
  show: { run: vi.fn(() => 0) },
})

test('the named subcommand runs with its operand, and its exit code is returned', async () => {
  const { push, show } = subcommands()
  expect(await runSubcommand('policy', ['push', 'a.json'], { push, show })).toBe(7)
  expect(push.run).toHaveBeenCalledWith('a.json')
  expect(await runSubcommand('policy', ['show'], { push, show })).toBe(0)
  expect(show.run).toHaveBeenCalledWith(undefined)
})

test.each([
  [[], 'policy: which? push, show'],
  [['psuh'], 'There is no "policy psuh". Did you mean: llm-gateway policy push'],
  [['frobnicate'], 'There is no "policy frobnicate". It is one of push, show.'],
  [['constructor'], 'There is no "policy constructor". It is one of push, show.'],
  [['show', 'x'], '"x" is a word too many. Operands are files.'],
  [['push', 'a', 'b'], '"b" is a word too many. Operands are files.'],
])('%j is a usage error, and nothing runs', async (words, message) => {
  const { push, show } = subcommands()
  const error = await runSubcommand('policy', words, { push, show }, 'Operands are files.').catch(
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(UsageError)
  expect((error as Error).message).toBe(message)
  expect([push.run, show.run].flatMap(({ mock }) => mock.calls)).toEqual([])
})
