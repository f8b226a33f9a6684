import { createInterface } from 'node:readline/promises'
import { UsageError } from '../core/command.ts'
import { type Answers, EXAMPLE } from '../deployment/answers.ts'
import { QUESTIONS, type Question } from './questions.ts'

/**
 * Returns all answers: given ones first, then defaults; at a terminal each one that is not given is asked.
 *
 * @param given by option, or by an earlier run
 * @param isAsking whether there is a terminal, and `--yes` was not said
 * @throws UsageError naming all options that are missing or wrong
 */
export async function completeAnswers(given: Partial<Answers>, isAsking: boolean): Promise<Answers> {
  const answers: Record<string, string> = {}
  const problems: string[] = []
  const reader = isAsking ? createInterface({ input: process.stdin, output: process.stderr }) : undefined
  try {
    for (const question of QUESTIONS) {
      const { answer, option, pattern, hint, byDefault } = question
      const known = given[answer] ?? (isAsking ? undefined : byDefault(answers as Partial<Answers>))
      const value = known ?? (reader && (await ask(question, answers, (text) => reader.question(text))))
      // An answer that only follows from a missing one is not asked for.
      if (value === undefined) {
        if (!follows(question)) problems.push(`--${option} is missing: ${question.text}`)
      } else if (!pattern.test(value)) problems.push(`--${option} must be ${hint}`)
      else answers[answer] = value
    }
  } finally {
    reader?.close()
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  return answers as Answers
}

const follows = ({ byDefault }: Question): boolean => byDefault(EXAMPLE) !== undefined

async function ask(
  { text, hint, pattern, byDefault }: Question,
  answers: Record<string, string>,
  put: (text: string) => Promise<string>,
): Promise<string> {
  const fallback = byDefault(answers as Partial<Answers>)
  for (;;) {
    const typed = (await put(`${text}${fallback === undefined ? '' : ` [${fallback}]`}: `)).trim()
    const value = typed === '' ? (fallback ?? '') : typed
    if (pattern.test(value)) return value
    process.stderr.write(`It must be ${hint}.\n`)
  }
}
