import { ask, type Behaviours, text, weather } from './agent.ts'

const stock = { ...weather, function: { ...weather.function, name: 'get_stock' } }

export const tools: Behaviours = {
  'a tool call': {
    async see({ client }) {
      const question = { ...ask('What is get_weather in Paris?'), tools: [weather] }
      const answer = await client.chat.completions.create(question)
      const [call] = answer.choices[0]?.message.tool_calls ?? []
      return [answer.choices[0]?.finish_reason, call?.type === 'function' ? call.function : undefined]
    },
  },
  'tool calls in parallel': {
    async see({ client }) {
      const question = { ...ask('use get_weather and get_stock'), tools: [weather, stock] }
      const answer = await client.chat.completions.create(question)
      return answer.choices[0]?.message.tool_calls?.map((call) => call.type === 'function' && call.function)
    },
  },
  'a streamed tool call': {
    async see({ client }) {
      const question = { ...ask('What is get_weather in Rome?'), tools: [weather] }
      const answer = await client.chat.completions.stream(question).finalChatCompletion()
      const [call] = answer.choices[0]?.message.tool_calls ?? []
      const called = call?.type === 'function' ? [call.function.name, call.function.arguments] : undefined
      return [answer.choices[0]?.finish_reason, called]
    },
  },
  "a tool's result": {
    async see({ client }) {
      const question = { ...ask('What is get_weather in Lima?'), tools: [weather] }
      const message = (await client.chat.completions.create(question)).choices[0]?.message
      const [call] = message?.tool_calls ?? []
      const result = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'sunny' }
      const messages = [
        ...question.messages,
        { role: 'assistant' as const, tool_calls: [call as never] },
        result,
      ]
      const answer = await client.chat.completions.create({ ...question, messages })
      return text(answer)?.slice(0, 'The tool says: sunny.'.length)
    },
    seen: 'The tool says: sunny.',
  },
  'a tool run to its end': {
    async see({ client }) {
      const runner = client.chat.completions.runTools({
        ...ask('Tell me about get_weather in Oslo'),
        tools: [
          {
            type: 'function',
            function: { ...weather.function, parse: JSON.parse, function: () => 'sunny' },
          },
        ],
      })
      // What follows depends on every byte of the history, and LiteLLM writes that anew.
      const said = (await runner.finalContent())?.slice(0, 'The tool says: sunny.'.length)
      return [said, runner.messages.length]
    },
    seen: ['The tool says: sunny.', 4],
  },
}
