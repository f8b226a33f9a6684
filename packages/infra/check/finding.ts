/** One thing that is wrong in a file of this package. */
export type Finding = {
  /** Path from the root of the package. */
  file: string
  /** From 1 on. */
  line: number
  /** Name of the rule, for the table of rules in docs/infra.md. */
  rule: string
  problem: string
  /** What to write or run instead. */
  fix: string
}

/** Formats a finding as `file:line: rule: problem. Fix: …`, which editors and terminals turn into a link. */
export const findingLine = ({ file, line, rule, problem, fix }: Finding): string =>
  `${file}:${line}: ${rule}: ${problem}\n  Fix: ${fix}`
