import { modelOf, type Work } from './prices.ts'

export type Body = Record<string, unknown>
export type Random = () => number

/** How hard upstream works: `most` takes all that a request allows, the others less. */
export type Zeal = 'most' | 'some'

const list = (value: unknown): Body[] => (Array.isArray(value) ? (value as Body[]) : [])
const isSet = (value: unknown) => value !== undefined && value !== null
const HOSTED = /^(web_search|file_search|code_interpreter|image_generation|mcp)/

/**
 * What upstream does for a request, read as dearly as its API allows: limits that are no positive integers are ignored,
 * of two limits either may be heeded, what the request only names fills the window, tools are called as often as may be.
 */
export function workFor(path: string, body: Body, project: string, random: Random, zeal: Zeal): Work {
  const model = String(body.model)
  const { window, maxOutput, priority } = modelOf(model)
  const share = () => (zeal === 'most' ? 1 : random() < 0.3 ? 1 : random())
  const operation = path.slice('/v1/'.length)
  const said = JSON.stringify(body.messages ?? body.input ?? body.prompt ?? '')
  const own = Math.ceil(said.replaceAll(/A{1000,}/g, '').length / 4)
  const tools = list(body.tools).filter(({ type }) => HOSTED.test(String(type)))
  const searches = path.includes('chat') && (isSet(body.web_search_options) || model.includes('-search-'))
  const most = isLimit(body.max_tool_calls) ? Number(body.max_tool_calls) : 12
  const times = tools.length > 0 && body.tool_choice !== 'none' ? Math.floor(share() * most) : 0
  const calls = Array.from({ length: times }, (_, at) => String(tools[at % tools.length]?.type))
  const unseen = namesMore(body) || tools.length > 0 || searches ? Math.floor(share() * (window - own)) : 0
  const input = own + unseen + times * Math.floor(share() * window)
  const limit = operation === 'embeddings' ? 0 : limitFor(operation, body, maxOutput, random)
  const predicted = isSet(body.prediction) ? Math.ceil(JSON.stringify(body.prediction).length / 4) : 0
  const choices = operation === 'responses' ? 1 : Math.max(1, Number(body.n ?? 1), Number(body.best_of ?? 1))
  const output = (Math.floor(share() * limit) + predicted) * choices
  const speaks = list(body.modalities).includes('audio' as never)
  const asked = typeof body.service_tier === 'string' && body.service_tier !== 'auto'
  const isServed = operation !== 'embeddings' && operation !== 'completions'
  // Where there is too much to do, the usual tier answers.
  const given = isServed && random() < 0.98 ? project : 'default'
  const tier = asked ? (random() < 0.7 ? String(body.service_tier) : 'default') : given
  return {
    model,
    input,
    audioInput: Math.min(input, soundIn(body)),
    output,
    audioOutput: speaks ? output : 0,
    hidden: Math.floor(random() * output),
    tier: isUrgent(tier) && priority === undefined ? 'default' : tier,
    calls: searches ? ['chat_search'] : calls,
  }
}

const isUrgent = (tier: string) => tier === 'priority' || tier === 'fast'
const isLimit = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0

const NAMES: Record<string, string[]> = {
  'chat/completions': ['max_completion_tokens', 'max_tokens'],
  completions: ['max_tokens'],
  responses: ['max_output_tokens'],
}

function limitFor(operation: string, body: Body, maxOutput: number, random: Random): number {
  const given = (NAMES[operation] ?? []).map((name) => body[name]).filter(isSet)
  if (given.length === 0) return operation === 'completions' ? 16 : maxOutput
  const heeded = given[Math.floor(random() * given.length)]
  return isLimit(heeded) ? Math.min(Number(heeded), maxOutput) : maxOutput
}

const NAMED = /"(item_reference|file_id|input_file|file|reasoning|image_generation_call)"/

/** Earlier turns, stored prompts, files and pictures that a request only names. */
function namesMore({ previous_response_id, conversation, prompt, messages, input }: Body): boolean {
  if ([previous_response_id, conversation].some(isSet)) return true
  const isTemplate = typeof prompt === 'object' && prompt !== null && !Array.isArray(prompt)
  return isTemplate || NAMED.test(JSON.stringify([messages, input]))
}

/** Ten tokens a second, of which base64 of 8 kbit/s has 1,334 characters. */
function soundIn(body: Body): number {
  const parts = list(body.messages).flatMap(({ content }) => list(content))
  return parts.reduce((sum, { input_audio: sound }) => {
    const { data = '' } = (sound ?? {}) as { data?: string }
    return sum + Math.ceil(data.length / 134)
  }, 0)
}
