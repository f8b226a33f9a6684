import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

test.each(['agent.cjs', 'agent.mjs'])(
  '%s sees one OpenAI, one RateLimitError and one gateway error',
  async (agent) => {
    const { stdout } = await run(process.execPath, [here(`fixtures/${agent}`)])
    expect(JSON.parse(stdout)).toEqual({ client: true, error: true, otherCopy: true })
  },
)

test('what loads at import is ours and openai; the tokeniser and the prices wait', async () => {
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
    await import('@hotdash/llm-gateway')
    console.log(JSON.stringify(loaded.filter((url) => /o200k|genai-prices|\\/zod\\//.test(url))))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: here('.') })
  expect(JSON.parse(stdout)).toEqual([])
})

test.each(['gateway', 'testing'])(
  'packages/%s is private to the scope and names its files for both module systems',
  (name) => {
    const manifest = JSON.parse(readFileSync(here(`../packages/${name}/package.json`), 'utf8'))
    expect(manifest.publishConfig).toEqual({ access: 'restricted' })
    expect(manifest.license).toBe('UNLICENSED')
    expect(Object.keys(manifest.exports['.']).slice(-2)).toEqual(['import', 'require'])
  },
)
