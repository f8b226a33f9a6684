import { readFileSync } from 'node:fs'
import { GatewayOptionsError } from '@hotdash/llm-gateway/policy'
import { UsageError } from '../core/command.ts'

/**
 * Reads JSON from a file, or from standard input for `-`.
 *
 * @throws UsageError where it cannot be read
 * @throws GatewayOptionsError where it is not JSON
 */
export function readJson(operand: string): unknown {
  let text: string
  try {
    text = readFileSync(operand === '-' ? 0 : operand, 'utf8')
  } catch (error) {
    throw new UsageError(`${operand} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new GatewayOptionsError(
      `${operand === '-' ? 'standard input' : operand} is not JSON: ${(error as Error).message}`,
    )
  }
}
