import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** `llm-gateway`, as npm would run it. */
export const BIN = fileURLToPath(new URL('../packages/ops/bin/llm-gateway.js', import.meta.url))

/**
 * Environment of a program that gets these variables and no others. Node keeps compiled code in the folder of the tests:
 * the start of a program takes a third less CPU time.
 */
export const programEnv = (env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH ?? '',
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  ...env,
})

export type Ran = { code: number | null; out: string; err: string }

/** Runs it in a pipe, with these variables and no others, and `input` on its standard input. */
export function llmGateway(args: string[], env: Record<string, string>, input = ''): Promise<Ran> {
  const child = spawn(process.execPath, [BIN, ...args], { env: programEnv(env) })
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
