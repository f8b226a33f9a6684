import { confirm } from '../cli/confirm.ts'
import { requireRedisUrl } from '../cli/connection.ts'
import { whole } from '../cli/format.ts'
import { withAdminGateway } from '../cli/gateway.ts'
import { printFailure, printJson, printNote } from '../cli/output.ts'
import { UsageError } from '../core/command.ts'
import { filterOf, type Values } from './values.ts'

/** Deletes answers of both caches everywhere, after confirmation. */
export async function purge(values: Values): Promise<number> {
  const filter = filterOf(values)
  const selected = Object.entries(filter).map(([name, value]) => `${name} ${value}`)
  if (values.all ? selected.length > 0 : selected.length === 0)
    throw new UsageError(
      values.all
        ? '--all and a selection contradict each other: say one of them.'
        : 'Which answers? Say --team, --agent, --model or --key, or --all for every answer of all teams.',
    )
  const redis = requireRedisUrl(values.redis)
  const what = values.all
    ? 'every cached answer of all teams'
    : `the cached answers of ${selected.join(', ')}`
  if (!values.yes && !(await confirm(`Delete ${what}?`, 'say --yes')))
    return printFailure('Nothing was deleted.')
  const deleted = await withAdminGateway(redis, {}, (gateway) => gateway.purge(filter))
  if (values.json) return printJson({ filter, deleted })
  return printNote(
    `${whole(deleted)} ${deleted === 1 ? 'answer' : 'answers'} deleted. Calls that began before this store nothing.`,
  )
}
