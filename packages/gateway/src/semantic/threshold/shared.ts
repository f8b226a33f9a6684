import type { Link } from '../../redis/link.ts'
import { tagOf } from '../../redis/tag.ts'
import { BINS, type Labels, noLabels } from './labels.ts'

/** What all processes have learned of an agent's questions; kept for as long as anybody adds to it now and then. */
export type SharedLabels = {
  /** `undefined` where Redis did not say. */
  load: (agent: string) => Promise<Labels | undefined>
  add: (agent: string, bin: number, right: boolean) => Promise<void>
}

const KEPT_MS = 60 * 86_400_000

/** One hash for each agent: `r123` and `w123` count right and wrong judgements of a similarity. Labels hold no text. */
export function createSharedLabels(link: Link): SharedLabels {
  const keyOf = (agent: string) => `gw:{${tagOf(agent)}}:sl`
  return {
    async load(agent) {
      try {
        const fields = await link.ask((client) => client.hgetall(keyOf(agent)))
        return labelsFrom(fields)
      } catch {
        // Redis is away, or somebody put something else there: this process goes by what it has learned itself.
        return undefined
      }
    },
    async add(agent, bin, right) {
      const key = keyOf(agent)
      try {
        await link.ask((client) => client.hincrby(key, `${right ? 'r' : 'w'}${bin}`, 1))
        await link.ask((client) => client.pexpire(key, KEPT_MS))
      } catch {
        // One label less for the others.
      }
    },
  }
}

/** Fields that are none of ours, and counts that are no counts, are left out. */
function labelsFrom(fields: Record<string, string>): Labels {
  const labels = noLabels()
  for (const [field, value] of Object.entries(fields)) {
    const [, kind, digits = ''] = /^([rw])(\d{1,3})$/.exec(field) ?? []
    const [bin, count] = [Number(digits), Number(value)]
    if (kind === undefined || bin >= BINS || !Number.isSafeInteger(count) || count < 0 || count > 1e9)
      continue
    ;(kind === 'r' ? labels.right : labels.wrong)[bin] = count
  }
  return labels
}
