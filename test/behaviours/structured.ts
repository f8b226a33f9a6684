import { zodFunction, zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import * as z from 'zod'
import { ask, type Behaviours, MODEL } from './agent.ts'

const Order = z.object({ id: z.string(), total: z.number(), items: z.array(z.string()) })
const City = z.object({ city: z.string(), days: z.number() })

export const structured: Behaviours = {
  'a structured answer': {
    async see({ client }) {
      const format = zodResponseFormat(Order, 'order')
      const answer = await client.chat.completions.parse({ ...ask('order 17'), response_format: format })
      return Order.parse(answer.choices[0]?.message.parsed)
    },
  },
  'a streamed structured answer': {
    async see({ client }) {
      const format = zodResponseFormat(Order, 'order')
      const stream = client.chat.completions.stream({ ...ask('order 18'), response_format: format })
      return Order.parse((await stream.finalChatCompletion()).choices[0]?.message.parsed)
    },
  },
  'arguments of a tool, parsed': {
    async see({ client }) {
      const tool = zodFunction({ name: 'get_weather', parameters: City })
      const answer = await client.chat.completions.parse({ ...ask('use get_weather'), tools: [tool] })
      const [call] = answer.choices[0]?.message.tool_calls ?? []
      return City.parse(call?.type === 'function' && call.function.parsed_arguments)
    },
  },
  'a JSON object': {
    async see({ client }) {
      const answer = await client.chat.completions.create({
        ...ask('as JSON, please'),
        response_format: { type: 'json_object' },
      })
      return JSON.parse(answer.choices[0]?.message.content ?? '')
    },
  },
  'a structured Response': {
    async see({ client }) {
      const text = { format: zodTextFormat(Order, 'order') }
      const answer = await client.responses.parse({ model: MODEL, input: 'order 19', store: false, text })
      return Order.parse(answer.output_parsed)
    },
  },
}
