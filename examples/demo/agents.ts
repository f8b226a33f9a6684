import type OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { z } from 'zod'

import { EMBEDDINGS, MAX_OUTPUT, type Task, type Tokens, type Work } from './tasks.ts'

const Finding = z.object({
  subject: z.string(),
  change: z.number(),
  action: z.enum(['keep', 'raise', 'cut']),
})
const finding = zodResponseFormat(Finding, 'finding')

const tools: OpenAI.Chat.ChatCompletionTool[] = [
  {
    type: 'function',
    function: {
      name: 'order_status',
      description: 'Where an order is.',
      parameters: {
        type: 'object',
        properties: { order: { type: 'string', description: 'Its number.' } },
        required: ['order'],
      },
    },
  },
]

/** Runs a task with any OpenAI client: gateway client and bare client send exactly the same requests. */
export async function perform(client: OpenAI, model: string, task: Task): Promise<Work> {
  switch (task.kind) {
    case 'chat':
      return await chat(client, model, task)
    case 'tools':
      return await useTools(client, model, task)
    case 'report':
      return await report(client, model, task)
    case 'structured':
      return await structured(client, model, task)
    case 'responses':
      return await respond(client, model, task)
    case 'embeddings':
      return await embed(client, task)
  }
}

type Of<Kind extends Task['kind']> = Extract<Task, { kind: Kind }>

async function chat(client: OpenAI, model: string, { system, question }: Of<'chat'>): Promise<Work> {
  const stream = await client.chat.completions.create({
    model,
    messages: messages(system, question),
    max_completion_tokens: MAX_OUTPUT,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  let used: Tokens[] = []
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    if (chunk.usage) used = [ofChat(model, chunk.usage)]
  }
  return { text, used }
}

async function useTools(client: OpenAI, model: string, { system, question }: Of<'tools'>): Promise<Work> {
  const asked: OpenAI.Chat.ChatCompletionMessageParam[] = messages(system, question)
  const common = { model, tools, max_completion_tokens: MAX_OUTPUT }
  const first = await client.chat.completions.create({ ...common, messages: asked, tool_choice: 'required' })
  const wish = first.choices[0]?.message
  const call = wish?.tool_calls?.[0]
  if (wish === undefined || call === undefined) throw new Error('the model called no tool')
  const result = { role: 'tool' as const, tool_call_id: call.id, content: 'On its way, arrives tomorrow.' }
  const second = await client.chat.completions.create({ ...common, messages: [...asked, wish, result] })
  return {
    text: second.choices[0]?.message.content ?? '',
    used: [ofChat(model, first.usage), ofChat(model, second.usage)],
  }
}

async function report(client: OpenAI, model: string, { document, question }: Of<'report'>): Promise<Work> {
  const answer = await client.chat.completions.create({
    model,
    messages: messages(`You advise the CEO. Answer from this document only.\n\n${document}`, question),
    max_completion_tokens: MAX_OUTPUT,
  })
  return { text: answer.choices[0]?.message.content ?? '', used: [ofChat(model, answer.usage)] }
}

async function structured(client: OpenAI, model: string, { question }: Of<'structured'>): Promise<Work> {
  const answer = await client.chat.completions.parse({
    model,
    messages: messages('You report one finding on a shoe shop.', question),
    max_completion_tokens: MAX_OUTPUT,
    response_format: finding,
  })
  const parsed = answer.choices[0]?.message.parsed
  if (!parsed) throw new Error('the model gave no finding')
  return { text: JSON.stringify(parsed), used: [ofChat(model, answer.usage)] }
}

async function respond(client: OpenAI, model: string, task: Of<'responses'>): Promise<Work> {
  const { instructions, input } = task
  const answer = await client.responses.create({ model, instructions, input, max_output_tokens: MAX_OUTPUT })
  const { usage } = answer
  const cached = usage?.input_tokens_details.cached_tokens ?? 0
  const used = { model, input: usage?.input_tokens ?? 0, cached, output: usage?.output_tokens ?? 0 }
  return { text: answer.output_text, used: [used] }
}

async function embed(client: OpenAI, { texts }: Of<'embeddings'>): Promise<Work> {
  const { data, usage } = await client.embeddings.create({ model: EMBEDDINGS, input: texts })
  const text = data.map(({ embedding }) => embedding.slice(0, 3).join()).join(';')
  return { text, used: [{ model: EMBEDDINGS, input: usage.prompt_tokens, cached: 0, output: 0 }] }
}

const messages = (system: string, user: string) => [
  { role: 'system' as const, content: system },
  { role: 'user' as const, content: user },
]

const ofChat = (model: string, usage: OpenAI.CompletionUsage | undefined): Tokens => ({
  model,
  input: usage?.prompt_tokens ?? 0,
  cached: usage?.prompt_tokens_details?.cached_tokens ?? 0,
  output: usage?.completion_tokens ?? 0,
})
