import { formatWithOptions } from 'node:util'
import { afterAll, afterEach, beforeEach } from 'vitest'
import type { LogCode } from '#src/core/log-codes.ts'

/** Most tests have no team for their agent, or no agent: what the gateway logs about it is their subject nowhere. */
const USUAL: readonly LogCode[] = ['GW_AGENT_WITHOUT_TEAM', 'GW_NO_AGENT']

const LEVELS = ['debug', 'error', 'info', 'log', 'warn'] as const

type Message = LogCode | RegExp

let unexpected: string[] = []
const allowedInFile: Message[] = [...USUAL]
let allowedInTest: Message[] = []

function collect(line: string): void {
  const matches = (one: Message) =>
    typeof one === 'string' ? line.includes(`[llm-gateway] ${one}:`) : one.test(line)
  if (line.trim() !== '' && ![...allowedInFile, ...allowedInTest].some(matches)) unexpected.push(line)
}

/**
 * Lets the running test cause these messages, by code, or by pattern where another program writes them. Any other line on
 * the console fails the test.
 */
export const allowLog = (...messages: Message[]): void => void allowedInTest.push(...messages)

/** Lets each test of the file cause these messages. */
export const allowLogInFile = (...messages: Message[]): void => void allowedInFile.push(...messages)

function failOnUnexpected(): void {
  const lines = unexpected
  unexpected = []
  if (lines.length > 0)
    throw new Error(`The console received lines that the test does not allow:\n${lines.join('\n')}`)
}

/** Collects what is written to the console and to the process's own outputs, instead of showing it. */
export function watchConsole(): void {
  // Files of one project may share a process.
  allowedInFile.splice(USUAL.length)
  for (const level of LEVELS)
    console[level] = (...values: unknown[]) => collect(formatWithOptions({ colors: false }, ...values))
  for (const stream of [process.stdout, process.stderr])
    stream.write = ((piece: string | Uint8Array, ...rest: unknown[]) => {
      collect(typeof piece === 'string' ? piece.trimEnd() : Buffer.from(piece).toString())
      const done = rest.at(-1)
      if (typeof done === 'function') done()
      return true
    }) as typeof stream.write
  beforeEach(() => {
    allowedInTest = []
  })
  afterEach(failOnUnexpected)
  afterAll(failOnUnexpected)
}
