import { confirm } from '../cli/confirm.ts'
import { counted, dollars } from '../cli/format.ts'
import { operatorName } from '../cli/operator.ts'
import { printFailure, printJson, printNote } from '../cli/output.ts'
import { UsageError } from '../core/command.ts'
import type { Context, Values } from './context.ts'
import { settledUsd } from './show.ts'

const WHAT = ['day', 'minute', 'day+minute'] as const

/** Starts the books of the named teams from zero, after confirmation. */
export async function reset({ books, values }: Context): Promise<number> {
  const { team: teams, yes, json } = values
  const what = WHAT.find((one) => one === values.what)
  if (what === undefined)
    throw new UsageError(`--what must be one of ${WHAT.join(', ')}, not "${values.what}".`)
  if (teams.length === 0) throw new UsageError('--team TEAM is missing: name each team whose books to reset.')
  const found = await Promise.all(teams.map(books.show))
  for (const { team, books: own } of found)
    if (own !== undefined && !json)
      printNote(
        `${team}: ${dollars(settledUsd(own))} of today, ${counted(own.requests, 'request')} and ${counted(own.tokens, 'token')} of the minute. ` +
          `${dollars(own.heldUsd + own.leasedUsd + own.lapsedUsd)} of calls in flight and leases stay.`,
      )
  if (
    !yes &&
    !(await confirm(`Reset the ${what.replace('+', ' and the ')} of ${teams.join(', ')}?`, 'say --yes'))
  )
    return printFailure('Nothing was changed.')
  const changes = await Promise.all(
    teams.map(async (team) => ({ team, ...(await books.reset(team, what, noteOf(values))) })),
  )
  if (json) printJson(changes)
  else
    for (const { team, outcome, before } of changes)
      if (outcome === 'changed' && before !== undefined)
        printNote(
          `${team}: reset, from ${dollars(settledUsd(before))}. Undo: llm-gateway quota reconcile --team ${team} --apply`,
        )
  const failed = changes.filter(({ outcome }) => outcome !== 'changed')
  for (const { team, outcome } of failed)
    printFailure(
      outcome === 'absent'
        ? `${team}: there are no books to reset.`
        : `${team}: another program has written over the books. To begin new ones: redis-cli del "gw:{${team}}:quota"`,
    )
  return failed.length === 0 ? 0 : 1
}

/** Who changes the books, and why. */
export const noteOf = ({ by, message }: Values) => ({
  by: operatorName(by),
  ...(message !== '' && { comment: message.slice(0, 500) }),
})
