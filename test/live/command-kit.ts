import { spawn } from 'node:child_process'
import { BIN, llmGateway, programEnv, type Ran } from '../command.ts'
import type { RedisServer } from '../redis/server.ts'

// Each test starts processes one after the other, which takes long on a busy machine.

/** As an operator's shell would, in a pipe. */
export function gateway(
  args: string,
  server?: RedisServer,
  input = '',
  env: Record<string, string> = {},
): Promise<Ran> {
  const words = [...args.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  const at = server === undefined ? {} : { LLM_GATEWAY_REDIS_URL: server.url }
  return llmGateway(words, { ...at, ...env }, input)
}

/** As an operator's fingers would, at a terminal that util-linux makes. */
export function typed(
  args: string,
  server: RedisServer,
  answer: string,
  env: Record<string, string> = {},
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<Omit<Ran, 'err'>> {
  const child = spawn('script', ['-qec', `${process.execPath} ${BIN} ${args}`, '/dev/null'], {
    env: programEnv({ TERM: 'xterm', LLM_GATEWAY_REDIS_URL: server.url, ...env }),
  })
  let out = ''
  let asked = false
  child.stdout.on('data', (chunk) => {
    out += chunk
    if (asked || !out.includes('[y/N]')) return
    asked = true
    void meanwhile().then(() => child.stdin.write(`${answer}\n`))
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out })))
}
