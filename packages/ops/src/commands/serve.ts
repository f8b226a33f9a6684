import { UsageError } from '../command.ts'

export const summary = 'the gateway as an HTTP server, for agents that are not written in TypeScript'

export const help = `llm-gateway serve: under construction.`

export async function run(_argv: string[]): Promise<number> {
  throw new UsageError('serve is under construction')
}
