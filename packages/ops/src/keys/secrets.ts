import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { UsageError } from '../core/command.ts'

export type Secrets = {
  /** A secret that is never typed as an argument: other programs and the shell's history would see it. */
  read: (what: string, variable: string) => Promise<string>
  close: () => void
}

/** From the environment, if the variable is set; else asked for without an echo; else the next line of standard input. */
export function createSecrets(env: NodeJS.ProcessEnv, input = process.stdin): Secrets {
  const isTerminal = input.isTTY === true
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  let lines: NodeJS.AsyncIterator<string> | undefined
  let reader: ReturnType<typeof createInterface> | undefined

  return {
    async read(what, variable) {
      const known = env[variable]
      if (known) return known
      reader ??= createInterface({ input, output: isTerminal ? silent : undefined, terminal: isTerminal })
      lines ??= reader[Symbol.asyncIterator]()
      if (isTerminal) process.stderr.write(`${what}: `)
      const { value, done } = await lines.next()
      if (isTerminal) process.stderr.write('\n')
      const secret = done ? '' : value.trim()
      if (secret === '')
        throw new UsageError(`${what}: is missing. Set ${variable}, or give it on standard input.`)
      return secret
    },
    close: () => reader?.close(),
  }
}
