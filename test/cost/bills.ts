import type { CallRecord } from '@hotdash/llm-gateway'
import type { FakeRequest } from '@hotdash/llm-gateway-testing'
import type { Asked, Said, Trouble } from './asked.ts'
import { count, inputOf, nano, type Team, UNLIMITED, worstOf } from './kit.ts'
import { price } from './prices.ts'
import { chargeOf } from './rare.ts'

/** Billionths of a dollar of each team. */
export type Dollars = Record<Team, number>

export const none = (): Dollars => ({ one: 0, two: 0, three: 0 })

/** Upstream said what it bills: the usage came, or a refusal. */
export const isTold = ({ kind }: Asked, trouble: Trouble) =>
  trouble === 'busy' || (trouble === 'none' && kind !== 'stream')

/** Of a chat call, as the client wrote it. */
export const worstFor = ({ model, body }: FakeRequest, call: Asked): number =>
  worstOf({ ...(body as Parameters<typeof worstOf>[0]), ...{ model: call.model } }, model)

/** Returns the cost of a request that met this trouble; `undefined`: upstream does not report it. */
export function billFor(
  { model }: FakeRequest,
  call: Asked,
  trouble: Trouble,
  said: Said | undefined,
): number | undefined {
  const { content, kind, broken, rare } = call
  if (trouble === 'busy' || trouble === 'reset') return 0
  if (rare !== undefined) return chargeOf(rare, model)
  if (kind === 'embedding') return price(model, { input: count(content) })
  const input = inputOf(content)
  if (trouble === 'timeout') return price(model, { input })
  if (said === undefined) throw new Error(`no answer to ${content}`)
  // The first chunk brings the role, and each of the others a word with the space before it.
  if (trouble === 'left') return price(model, { input, output: count('') })
  if (trouble !== 'none')
    return price(model, {
      input,
      output: count(
        said.text
          .split(' ')
          .slice(0, broken - 1)
          .join(' '),
      ),
    })
  return kind === 'stream' ? price(model, { input, output: count(said.text) }) : price(model, said)
}

/** Plain digits with up to nine decimals, in billionths. */
export function nanoIn(text: string | null): number {
  if (text === null) return 0
  const [, whole = '', decimals = ''] = /^(\d+)\.(\d{1,9})$/.exec(text) ?? []
  if (whole === '') throw new Error(`${text} is no amount in plain digits`)
  return Number(whole + decimals.padEnd(9, '0'))
}

export function dollarsOf(records: readonly CallRecord[]): Dollars {
  const sums = none()
  for (const { team, costUsd } of records) if (team !== UNLIMITED.name) sums[team as Team] += nano(costUsd)
  return sums
}
