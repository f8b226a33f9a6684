import type { Change, Difference, PolicyState, Switches } from '@hotdash/llm-gateway/policy'
import { differences } from '@hotdash/llm-gateway/policy'
import { printable } from '../cli/format.ts'
import type { Style } from '../cli/style.ts'

/** Changes shown for each entry of the history. */
const MAX_HISTORY_CHANGES = 5
/** Longest line of a change in the history, in UTF-16 code units. */
const MAX_HISTORY_LINE_CHARS = 160

/** Returns one line for each field that differs: `+` added, `-` removed, `~` changed. */
export function diffLines(changes: Difference[], style: Style): string[] {
  return changes.map(({ path, from, to }) => {
    const name = printable(path)
    if (from === undefined) return style('green', `+ ${name}: ${value(to)}`)
    if (to === undefined) return style('red', `- ${name}: ${value(from)}`)
    return `${style('yellow', `~ ${name}:`)} ${style('red', value(from))} -> ${style('green', value(to))}`
  })
}

const value = (some: unknown) => printable(JSON.stringify(some))

/** Returns a state as it is displayed: the policy's fields at the top level, the switches under `switches`. */
export const displayed = (change: Pick<Change, 'policy' | 'switches'> | undefined) => ({
  ...change?.policy,
  switches: change?.switches ?? {},
})

/** Returns one line that describes a change: version, time, author, kind and comment. */
function changeLine({ version, at, by, what, comment }: Change, style: Style): string {
  const quotedComment = comment === undefined ? '' : `  "${printable(comment)}"`
  return `${style('bold', String(version))}  ${printable(at).slice(0, 19).replace('T', ' ')} UTC  ${printable(by)}  ${printable(what)}${quotedComment}`
}

/** Returns one line for each change of the history, followed by what it changed. `*` marks the current version. */
export function historyLines(changes: Change[], current: number, style: Style): string[] {
  return changes.flatMap((change, at) => {
    const mark = change.version === current ? style('green', '*') : ' '
    const previous = changes[at + 1]
    const line = `${mark} ${changeLine(change, style)}`
    return previous === undefined
      ? [line]
      : [
          line,
          ...shortened(differences(displayed(previous), displayed(change)), style).map(
            (difference) => `    ${difference}`,
          ),
        ]
  })
}

function shortened(changes: Difference[], style: Style): string[] {
  const lines = diffLines(changes.slice(0, MAX_HISTORY_CHANGES), style).map((line) =>
    line.length > MAX_HISTORY_LINE_CHARS ? `${line.slice(0, MAX_HISTORY_LINE_CHARS)}…` : line,
  )
  return changes.length > MAX_HISTORY_CHANGES
    ? [...lines, style('dim', `and ${changes.length - MAX_HISTORY_CHANGES} more`)]
    : lines
}

/** Returns one line for each switch that is set. */
export function switchLines(switches: Switches, style: Style): string[] {
  const lines = diffLines(differences({}, switches), style)
  return lines.length > 0 ? lines : ['No switch is set: the policy applies unchanged.']
}

/** Describes what Redis holds; where that is broken, also the last valid change and how to restore it. */
export function stateLines(state: PolicyState, style: Style): string {
  const { last } = state
  const recovery =
    last === undefined
      ? ''
      : `\nThe last valid version, from which changes start: ${changeLine(last, style)}\nTo put it back: llm-gateway policy rollback ${last.version}`
  return `${stateLine(state, style)}${recovery}`
}

function stateLine({ version, change, broken }: PolicyState, style: Style): string {
  if (broken !== undefined)
    return `${style('red', 'What Redis holds is invalid, and processes ignore it')}${version > 0 ? ` (version ${version})` : ''}: ${printable(broken)}`
  if (change === undefined)
    return 'Redis holds no live policy: each process uses its own. If there was one before, running processes keep it.'
  return changeLine(change, style)
}
