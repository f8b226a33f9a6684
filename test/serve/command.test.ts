import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BIN, programEnv } from '../command.ts'
import { TEST_TIMEOUT_MS } from '../runs.ts'
import { policy } from './kit.ts'

const file = join(mkdtempSync(join(tmpdir(), 'llm-gateway-command-')), 'policy.json')
writeFileSync(file, JSON.stringify(policy))

function run(args: string[], env: Record<string, string> = { OPENAI_API_KEY: 'k' }) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    env: programEnv(env),
    encoding: 'utf8',
    timeout: TEST_TIMEOUT_MS,
  })
  return { status, stdout, stderr }
}

test('help is printed, teaches, and is no error', () => {
  const help = run(['--help'])
  expect(help).toMatchObject({ status: 0, stderr: '' })
  expect(help.stdout).toMatch(/^ {2}serve +\S/m)
  const serve = run(['serve', '--help'])
  expect(serve).toMatchObject({ status: 0, stderr: '' })
  expect(serve.stdout).toContain('OPENAI_BASE_URL=http://127.0.0.1:4000/v1')
  expect(run(['help', 'serve']).stdout).toBe(serve.stdout)
  expect(run(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('a command that does not exist is answered with the one that was meant', () => {
  expect(run(['sevre'])).toEqual({
    status: 2,
    stdout: '',
    stderr: 'There is no command "sevre". Did you mean: llm-gateway serve\n',
  })
  expect(run(['frobnicate']).stderr).toBe('There is no command "frobnicate". See: llm-gateway --help\n')
  expect(run(['constructor']).status).toBe(2)
  expect(run([]).status).toBe(2)
})

const MISTAKES: [string, string[], Record<string, string>, string][] = [
  ['no upstream key', [], {}, 'OPENAI_API_KEY is not set'],
  ['an option that does not exist', ['--prot', '1'], { OPENAI_API_KEY: 'k' }, "Unknown option '--prot'"],
  ['an invalid port', ['--port', 'http'], { OPENAI_API_KEY: 'k' }, '--port must be a number from 0 to 65535'],
  ['an empty limit', ['--max-body', ''], { OPENAI_API_KEY: 'k' }, '--max-body must be a number'],
  ['an invalid upstream', ['--upstream', 'api.openai.com'], { OPENAI_API_KEY: 'k' }, 'must be an http:// or'],
  [
    'this server as its own upstream',
    [],
    { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://localhost:4000/v1' },
    'is this server itself',
  ],
  [
    'no policy there',
    ['--policy', '/nowhere'],
    { OPENAI_API_KEY: 'k' },
    'policy /nowhere: cannot be read (ENOENT)',
  ],
  ['no team keys', [], { OPENAI_API_KEY: 'k' }, 'The policy lists no team key'],
  [
    'anybody, from anywhere',
    ['--allow-anonymous', '--host', '0.0.0.0'],
    { OPENAI_API_KEY: 'k' },
    '--allow-anonymous is for this machine alone',
  ],
]

test.each(MISTAKES)('%s: one readable message, and exit code 2', (_name, args, env, message) => {
  const { status, stdout, stderr } = run(['serve', ...args], env)
  expect(stderr).toContain(message)
  expect(stderr).not.toMatch(/^ +at /m)
  expect([status, stdout]).toEqual([2, ''])
})

test('a port that is taken is a failure, not a mistake', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const { status, stderr } = run(['serve', '--policy', file, '--port', String(port)])
  other.close()
  expect([status, stderr]).toEqual([
    1,
    `llm-gateway: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`,
  ])
})
