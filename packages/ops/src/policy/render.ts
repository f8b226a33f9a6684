import type { Change, Difference, PolicyState, Switches } from '@hotdash/llm-gateway/policy'
import { differences } from '@hotdash/llm-gateway/policy'
import type { Paint } from './paint.ts'

/** One line for each field that differs, as a patch has them. */
export function diffLines(changes: Difference[], paint: Paint): string[] {
  return changes.map(({ path, from, to }) => {
    const name = plain(path)
    if (from === undefined) return paint('green', `+ ${name}: ${value(to)}`)
    if (to === undefined) return paint('red', `- ${name}: ${value(from)}`)
    return `${paint('yellow', `~ ${name}:`)} ${paint('red', value(from))} -> ${paint('green', value(to))}`
  })
}

const value = (some: unknown) => plain(JSON.stringify(some))

/** What is in Redis may have been written by anybody, and a terminal obeys what it reads. */
export const plain = (text: string): string => text.replace(/\p{C}/gu, '?')

/** As people see it: a policy's fields by their names, those of switches under `switches`. */
export const seen = (change: Pick<Change, 'policy' | 'switches'> | undefined) => ({
  ...change?.policy,
  switches: change?.switches ?? {},
})

/** Who changed what, when and why, in a line. */
export function headline({ version, at, by, what, comment }: Change, paint: Paint): string {
  const why = comment === undefined ? '' : `  "${plain(comment)}"`
  return `${paint('bold', String(version))}  ${plain(at).slice(0, 19).replace('T', ' ')} UTC  ${plain(by)}  ${plain(what)}${why}`
}

/** A line for each change, and what it changed. */
export function historyLines(changes: Change[], current: number, paint: Paint): string[] {
  return changes.flatMap((change, at) => {
    const mark = change.version === current ? paint('green', '*') : ' '
    const before = changes[at + 1]
    const first = `${mark} ${headline(change, paint)}`
    return before === undefined
      ? [first]
      : [first, ...short(differences(seen(before), seen(change)), paint).map((line) => `    ${line}`)]
  })
}

function short(changes: Difference[], paint: Paint): string[] {
  const lines = diffLines(changes.slice(0, 5), paint).map((line) =>
    line.length > 160 ? `${line.slice(0, 160)}…` : line,
  )
  return changes.length > 5 ? [...lines, paint('dim', `and ${changes.length - 5} more`)] : lines
}

export function switchLines(switches: Switches, paint: Paint): string[] {
  const all = diffLines(differences({}, switches), paint)
  return all.length > 0 ? all : ['Nothing is switched: all is as the policy says.']
}

export function standingLine(standing: PolicyState, paint: Paint): string {
  const { last } = standing
  const recovery =
    last === undefined
      ? ''
      : `\nThe last that is whole, from which changes start: ${headline(last, paint)}\nTo put it back: llm-gateway policy rollback ${last.version}`
  return `${stateLine(standing, paint)}${recovery}`
}

function stateLine({ version, change, broken }: PolicyState, paint: Paint): string {
  if (broken !== undefined)
    return `${paint('red', 'What Redis holds is obeyed by nobody')}${version > 0 ? ` (version ${version})` : ''}: ${plain(broken)}`
  if (change === undefined)
    return 'Redis holds no live policy: each process goes by its own. If there was one, processes that run keep it.'
  return headline(change, paint)
}
