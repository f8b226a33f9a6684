import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { UsageError } from '../core/command.ts'

export type Secrets = {
  /**
   * Reads a secret. Secrets are never arguments, which the process list and the shell's history show. Rejects with the code
   * `ABORT_ERR` after Ctrl-C.
   *
   * @throws UsageError (rejects) where the variable is unset and the input is empty
   */
  read: (what: string, variable: string) => Promise<string>
  close: () => void
}

/**
 * Creates a reader of secrets: from the variable of `env` if it is set there, else from the terminal without echo, else the
 * next line of standard input.
 */
export function createSecrets(env: NodeJS.ProcessEnv | undefined, input = process.stdin): Secrets {
  const isTerminal = input.isTTY === true
  const discard = new Writable({ write: (_chunk, _encoding, done) => done() })
  let lines: NodeJS.AsyncIterator<string> | undefined
  let reader: ReturnType<typeof createInterface> | undefined

  return {
    async read(what, variable) {
      const fromEnvironment = env?.[variable]
      if (fromEnvironment) return fromEnvironment
      reader ??= createInterface({ input, output: isTerminal ? discard : undefined, terminal: isTerminal })
      lines ??= reader[Symbol.asyncIterator]()
      let isInterrupted = false
      reader.once('SIGINT', () => {
        isInterrupted = true
        reader?.close()
      })
      if (isTerminal) process.stderr.write(`${what}: `)
      const { value, done } = await lines.next()
      if (isInterrupted) throw Object.assign(new Error('Ctrl-C'), { code: 'ABORT_ERR' })
      if (isTerminal) process.stderr.write('\n')
      const secret = done ? '' : value.trim()
      if (secret === '')
        throw new UsageError(
          `${variable} is missing (${what}). ${env === undefined ? 'Type' : `Set ${variable}, or type`} it at the question, or give it on standard input.`,
        )
      return secret
    },
    close: () => reader?.close(),
  }
}
