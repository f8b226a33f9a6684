import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test, vi } from 'vitest'
import { llmGateway } from '../command.ts'
import { openTerminal } from '../top/terminal.ts'

// Each command is a process, which takes long on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const folder = mkdtempSync(join(tmpdir(), 'mistakes-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  [['policy', 'explain', '--agnet', 'support'], "Unknown option '--agnet'. Did you mean: --agent\n"],
  [['doctor', '--red-only'], "Unknown option '--red-only'. Did you mean: --read-only\n"],
  [['init', '--superbase-ref', 'x'], "Unknown option '--superbase-ref'. Did you mean: --supabase-ref\n"],
  [['secrets', 'status', '--jsn'], "Unknown option '--jsn'. Did you mean: --json\n"],
  [['top', '--hlep'], "Unknown option '--hlep'. Did you mean: --help\n"],
  [['report', '--weeks', '1'], "Unknown option '--weeks'.\n"],
  [['top', '-x'], "Unknown option '-x'.\n"],
  [['report', '--from'], '--from needs a value.\n'],
  [
    ['report', '--from', '--to', '2026-11-23'],
    '--from needs a value; one that begins with a dash follows a =.\n',
  ],
  [['top', '--once=3'], '--once takes no value.\n'],
])('%j is refused with what was meant', async (args, message) => {
  const { code, err } = await llmGateway(args, {})
  expect([code, err]).toEqual([2, `${message}\nSee: llm-gateway ${args[0]} --help\n`])
})

const HOSTILE = 'x\u001b]0;title\u0007\u009b31m\u202ey'
test.each([
  [[HOSTILE]],
  [['errors', HOSTILE]],
  [['simulate', HOSTILE]],
  [['simulate', `${HOSTILE}.csv`]],
  [['simulate', '--synthetic', '--policy', HOSTILE]],
  [['simulate', '--synthetic', '--sweep', HOSTILE]],
  [['policy', 'validate', HOSTILE]],
  [['usage', 'export', '--columns', HOSTILE]],
  [['top', `--${HOSTILE}`]],
])('mistake %# commands no terminal where it is named', async (args) => {
  const { code, out, err } = await llmGateway(args, {})
  expect(code).toBeGreaterThan(0)
  expect(`${out}${err}`).toContain('x?]0;title??31m?y')
  expect(`${out}${err}`.replaceAll('\n', '')).not.toMatch(/\p{C}/u)
})

test.each(['20.20.2', '22.2.0'])('on Node %s each command tells which Node it needs', async (version) => {
  const preload = join(folder, `node-${version}.mjs`)
  writeFileSync(
    preload,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })\n`,
  )
  for (const command of ['doctor', 'init', '--version']) {
    const { code, err } = await llmGateway([command], {
      NODE_OPTIONS: `--import=${pathToFileURL(preload).href}`,
    })
    expect([code, err]).toEqual([
      2,
      expect.stringContaining(`llm-gateway needs Node 22.3 or later, and this is Node ${version} (`),
    ])
  }
})

/** Types Ctrl-C once the question is shown. */
async function interrupt(args: string[], question: string) {
  const terminal = openTerminal(args, {}, 100, 20)
  try {
    await expect.poll(() => terminal.output()).toContain(question)
    terminal.type('\u0003')
    return { code: await terminal.ended, output: terminal.output() }
  } finally {
    terminal.close()
  }
}

test('Ctrl-C at a question ends the command as it ends others, without a complaint', async () => {
  const init = await interrupt(['init', '--dir', join(folder, 'new')], "Supabase's project id")
  expect(init.code).toBe(130)
  expect(init.output).not.toMatch(/Abort|missing|llm-gateway:/)

  const dir = join(folder, 'made')
  const answers = ['--supabase-ref', 'abcdefghijklmnopqrst', '--admin-email', 'admin@example.com']
  expect(await llmGateway(['init', '--dir', dir, '--yes', ...answers], {})).toMatchObject({ code: 0 })
  const set = await interrupt(['secrets', 'set', 'OPENAI_API_KEY', '--dir', dir], "OpenAI's key")
  expect(set.code).toBe(130)
  expect(set.output).not.toMatch(/missing|standard input/)
})
