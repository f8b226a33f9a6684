/** One instruction of a Dockerfile, with its continued lines joined. */
export type Instruction = {
  /** In capitals, e.g. `RUN`. */
  name: string
  /** Flags such as `--from=install`, without the dashes. */
  flags: Record<string, string>
  /** What follows the flags. */
  value: string
  /** Line of its beginning, from 1 on. */
  line: number
}

/** Splits a Dockerfile into its instructions. Here-documents are not read: our files have none. */
export function parseDockerfile(text: string): Instruction[] {
  const instructions: Instruction[] = []
  let joined = ''
  let begun = 0
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line.startsWith('#') || (line === '' && joined === '')) continue
    if (joined === '') begun = at + 1
    joined += joined === '' ? line : ` ${line}`
    if (joined.endsWith('\\')) {
      joined = joined.slice(0, -1).trimEnd()
      continue
    }
    instructions.push(instructionOf(joined, begun))
    joined = ''
  }
  if (joined !== '') instructions.push(instructionOf(joined, begun))
  return instructions
}

function instructionOf(text: string, line: number): Instruction {
  const [name = '', ...words] = text.split(/\s+/)
  const flags: Record<string, string> = {}
  // Options of HEALTHCHECK end where its command begins.
  while (words[0]?.startsWith('--')) {
    const [flag = '', value = ''] = (words.shift() ?? '').slice(2).split(/=(.*)/s)
    flags[flag] = value
  }
  return { name: name.toUpperCase(), flags, value: words.join(' '), line }
}

/** Returns the words of a JSON array of strings, and `undefined` for the shell form. */
export function execForm(value: string): string[] | undefined {
  try {
    const words: unknown = JSON.parse(value)
    return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : undefined
  } catch {
    return undefined
  }
}
