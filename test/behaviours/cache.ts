import { gatewayOptions, withGateway } from '@hotdash/llm-gateway'
import { ask, type Behaviours, MODEL, read, say, sourceOf, streamed, text } from './agent.ts'

export const cache: Behaviours = {
  'an answer given again': {
    async see({ client, upstream, settled }) {
      const first = await say(client, 'given again')
      await settled()
      const { data, response } = await client.chat.completions.create(ask('given again')).withResponse()
      const told = ['cache', 'cost-usd', 'team', 'model'].map((name) =>
        response.headers.get(`x-gateway-${name}`),
      )
      return [text(first) === text(data), upstream.count(), told]
    },
    seen: [true, 1, ['exact', '0.000000', 'prod_customer', MODEL]],
  },
  'a streamed answer given again': {
    async see({ client, upstream, settled }) {
      const seen: unknown[] = []
      for (let time = 0; time < 2; time += 1) {
        const call = client.chat.completions.create(streamed('streamed, given again'))
        const { data, response } = await call.withResponse()
        seen.push(await read(data), response.headers.get('x-gateway-cache'))
        await settled()
      }
      return [seen[0] === seen[2], upstream.count(), seen[3]]
    },
    seen: [true, 1, 'exact'],
  },
  'a streamed answer given again, whole': {
    async see({ client, upstream, settled }) {
      const said = await read(await client.chat.completions.create(streamed('first streamed')))
      await settled()
      return [text(await say(client, 'first streamed')) === said, upstream.count()]
    },
    seen: [true, 1],
  },
  'an answer given again, streamed': {
    async see({ client, upstream, settled }) {
      const said = text(await say(client, 'first whole'))
      await settled()
      const again = await read(await client.chat.completions.create(streamed('first whole')))
      return [again === said, upstream.count()]
    },
    seen: [true, 1],
  },
  'twenty who ask at one time': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'latency', ms: 200 }, { times: 20 })
      const answers = await Promise.all(Array.from({ length: 20 }, () => say(client, 'together')))
      return [new Set(answers.map(text)).size, upstream.count()]
    },
    seen: [1, 1],
  },
  'an answer cut by its length, asked again': {
    async see({ client, upstream, settled }) {
      const request = { ...ask('cut by its length'), max_tokens: 5 }
      const reasons: unknown[] = []
      for (let time = 0; time < 2; time += 1) {
        reasons.push((await client.chat.completions.create(request)).choices[0]?.finish_reason)
        await settled()
      }
      return [reasons, upstream.count()]
    },
    seen: [['length', 'length'], 2],
  },
  'the same question with its members in another order': {
    async see({ client, upstream, settled }) {
      const { messages } = ask('in any order')
      await client.chat.completions.create({ model: MODEL, messages, temperature: 0, max_tokens: 300 })
      await settled()
      await client.chat.completions.create({ max_tokens: 300, temperature: 0, messages, model: MODEL })
      return upstream.count()
    },
    seen: 1,
  },
  'the same question from another user': {
    async see({ client, upstream, settled }) {
      await say(client, 'from another user')
      await settled()
      await client.chat.completions.create(ask('from another user'), gatewayOptions({ user: 'ann' }))
      await settled()
      await withGateway({ user: 'bob' }, () => say(client, 'from another user'))
      return upstream.count()
    },
    seen: 1,
  },
  'the same question from another team': {
    async see({ client, upstream, as, settled }) {
      const other = as('ceo-insights', 'prod_ceo')
      const sources: unknown[] = []
      for (const each of [client, other, client, other]) {
        sources.push(await sourceOf(each.chat.completions.create(ask('from another team'))))
        await settled()
      }
      return [sources, upstream.count()]
    },
    seen: [['miss', 'miss', 'exact', 'exact'], 2],
  },
}
