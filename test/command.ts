import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** `llm-gateway`, as npm would run it. */
export const BIN = fileURLToPath(new URL('../packages/ops/bin/llm-gateway.js', import.meta.url))

export type Ran = { code: number | null; out: string; err: string }

/** Runs it in a pipe, with these variables and no others, and `input` on its standard input. */
export function llmGateway(args: string[], env: Record<string, string>, input = ''): Promise<Ran> {
  const child = spawn(process.execPath, [BIN, ...args], { env: { PATH: process.env.PATH ?? '', ...env } })
  child.stdin.end(input)
  return new Promise((resolve) => {
    const ran = { out: '', err: '' }
    child.stdout.on('data', (chunk) => {
      ran.out += chunk
    })
    child.stderr.on('data', (chunk) => {
      ran.err += chunk
    })
    child.on('close', (code) => resolve({ code, ...ran }))
  })
}
