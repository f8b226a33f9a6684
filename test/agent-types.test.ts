import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// One program for both module systems: the types of openai and of Node are read once.
test('agent-types.mts and agent-types.cts pass the strictest tsc against our published types', async () => {
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--noEmit']
  const modules = [
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'es2024,dom,dom.iterable',
    '--types',
    'node',
    '--skipLibCheck',
    'false',
    '--ignoreConfig',
  ]
  const tsc = here('../node_modules/typescript/bin/tsc')
  const agents = [here('fixtures/agent-types.mts'), here('fixtures/agent-types.cts')]
  await run(process.execPath, [tsc, ...strict, ...modules, ...agents]).catch((error: { stdout: string }) => {
    // Only what concerns our own types: openai's are checked as they are.
    const ours = error.stdout
      .split('\n')
      .filter((line) => /^(test|packages)\//.test(line) || line.includes('llm-gateway'))
    expect(ours).toEqual([])
  })
})
