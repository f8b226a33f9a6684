import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Policy } from '@hotdash/llm-gateway'
import { keyOf } from '../behaviours/policy.ts'

const BIN = fileURLToPath(new URL('../../packages/ops/bin/llm-gateway.js', import.meta.url))

/** What the command writes for a policy, by file name. */
export function litellmConfig(policy: Policy, ...args: string[]): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-config-'))
  try {
    const path = join(folder, 'policy.json')
    writeFileSync(path, JSON.stringify(policy))
    const out = join(folder, 'out')
    execFileSync(process.execPath, [BIN, 'litellm-config', '--policy', path, '--out', out, ...args])
    return Object.fromEntries(readdirSync(out).map((name) => [name, readFileSync(join(out, name), 'utf8')]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A key whose budget is used up, as LiteLLM says it: without a database it counts no dollars by itself. */
export const withPoorKey = (files: Record<string, string>): Record<string, string> => ({
  ...files,
  'custom_auth.py': `${files['custom_auth.py']}

_known = authenticate


async def authenticate(request, api_key):
    if api_key == "${keyOf('poor')}":
        import litellm

        raise litellm.BudgetExceededError(current_cost=2.0, max_budget=1.0)
    return await _known(request, api_key)
`,
})
