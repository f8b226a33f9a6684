import type { Policy } from '../core/policy.ts'
import { createPriceBook } from './price-book.ts'

/**
 * Finds models that the routing can choose but that have no price: calls of teams with a daily budget would be
 * refused. Returns one line each, with the field and where to put the price.
 */
export async function unpricedChoices({ teams = {}, models = {}, routing = {} }: Policy): Promise<string[]> {
  if (!Object.values(teams).some(({ usdPerDay }) => usdPerDay !== undefined)) return []
  const { default: usual, escalate, fallback, aliases = {} } = routing
  const choices: [field: string, model: string | false | undefined][] = [
    ['routing.default', usual],
    ['routing.escalate.to', escalate ? escalate.to : undefined],
    ['routing.fallback', fallback],
    ...Object.entries(aliases).map(([from, to]): [string, string] => [
      `routing.aliases[${JSON.stringify(from)}]`,
      to,
    ]),
  ]
  const { rates } = createPriceBook(models)
  const lines = choices.map(async ([field, model]) =>
    model && (await rates(model)) === undefined ? [line(field, model)] : [],
  )
  return (await Promise.all(lines)).flat()
}

const line = (field: string, model: string) =>
  `${field}: the price of ${JSON.stringify(model)} is unknown, and teams with a daily budget could not call it. ` +
  `Give models[${JSON.stringify(model)}] its input and output prices.`
