import { parse, TomlError } from 'smol-toml'
import type { Finding } from '../finding.ts'
import { lineOf, type Path } from './lines.ts'
import { type FlyConfig, flySchema } from './schema.ts'

/** A fly.toml that has the right fields, and a way to report what else is wrong with it. */
export type FlyFile = {
  file: string
  config: FlyConfig
  /** Returns a finding at the line of a path. */
  at: (path: Path, rule: string, problem: string, fix: string) => Finding
}

/** Parses a fly.toml strictly. Returns findings instead where it is no TOML, or a field is unknown, missing or wrong. */
export function parseFly(file: string, text: string): FlyFile | Finding[] {
  let raw: unknown
  try {
    raw = parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const problem = (error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '')
    return [{ file, line: error.line, rule: 'fly-syntax', problem, fix: 'Write valid TOML, https://toml.io' }]
  }
  const at: FlyFile['at'] = (path, rule, problem, fix) => ({
    file,
    line: lineOf(text, path),
    rule,
    problem,
    fix,
  })
  const result = flySchema.safeParse(raw)
  if (result.success) return { file, config: result.data, at }
  return result.error.issues.flatMap((issue) => {
    const where = issue.path.map(String).join('.')
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) =>
        at(
          [...issue.path, key],
          'fly-schema',
          `${[...issue.path.map(String), key].join('.')} is no field that Fly knows`,
          'Correct its name, or remove it.',
        ),
      )
    return [at(issue.path, 'fly-schema', `${where}: ${issue.message}`, 'Write what the message names.')]
  })
}
