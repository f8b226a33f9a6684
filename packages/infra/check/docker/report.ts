import type { Finding } from '../finding.ts'
import type { Instruction } from './parse.ts'

/** Reports a problem at an instruction. */
export type Report = (
  instruction: Pick<Instruction, 'line'>,
  rule: string,
  problem: string,
  fix: string,
) => Finding
