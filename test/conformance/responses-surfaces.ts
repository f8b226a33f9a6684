import { zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod'
import { City, MODEL, RESPONSES, Verdict } from './requests.ts'
import { all, type Event, eventsOf } from './streams.ts'
import { plain, type Surface } from './surface.ts'

const responses = Object.entries(RESPONSES).flatMap(([name, params]): Surface[] => [
  {
    name: `responses.create, ${name}`,
    calls: 1,
    run: async (client) => ({ same: await client.responses.create(params) }),
  },
  {
    name: `responses.create streamed, ${name}`,
    calls: 1,
    async run(client) {
      const live = await all(await client.responses.create({ ...params, stream: true }))
      return { same: eventsOf(live), live }
    },
  },
  {
    name: `responses.stream() and its events, ${name}`,
    calls: 1,
    async run(client) {
      const stream = client.responses.stream({ ...params, stream: true })
      const events: Event[] = []
      stream.on('event', (event) => events.push(structuredClone(event)))
      const final = await stream.finalResponse()
      return { same: { events: eventsOf(events), final: plain(final) }, live: events }
    },
  },
])

const otherResponses: Surface[] = [
  {
    name: 'responses.parse() with zodTextFormat',
    calls: 1,
    run: async (client) => ({
      same: await client.responses.parse({
        model: MODEL,
        input: 'judge',
        text: { format: zodTextFormat(Verdict, 'verdict') },
      }),
    }),
  },
  {
    name: 'responses.parse() of tool arguments',
    calls: 1,
    run: async (client) => ({
      same: await client.responses.parse({
        model: MODEL,
        input: 'weather',
        tools: [zodResponsesFunction({ name: 'weather', parameters: City })],
      }),
    }),
  },
  {
    name: 'responses.stream() with zodTextFormat',
    calls: 1,
    async run(client) {
      const format = zodTextFormat(Verdict, 'verdict')
      const stream = client.responses.stream({ model: MODEL, input: 'judge', text: { format } })
      const final = await stream.finalResponse()
      return { same: { final: plain(final), parsed: final.output_parsed } }
    },
  },
  {
    name: 'responses.create .withResponse()',
    calls: 1,
    async run(client) {
      const { data, response, request_id } = await client.responses
        .create({ model: MODEL, input: 'x' })
        .withResponse()
      const { status } = response
      return { same: { data, status, text: data.output_text, id: request_id !== null } }
    },
  },
]

export const responsesSurfaces: Surface[] = [...responses, ...otherResponses]
