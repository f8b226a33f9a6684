/** A call of a tool. `arguments` is JSON, as text or as the value; a custom tool's is plain text. */
export type ToolCall = { name: string; arguments: string | object; custom?: boolean }

/** What a test has the model say. What it leaves open is left to the fake: `{ usage }` alone changes only the usage. */
export type Answer = {
  text?: string
  /** The text, as the JSON of this value. */
  json?: unknown
  refusal?: string
  toolCalls?: ToolCall[]
  /** Chat's word for why it stopped; Responses say it in their own. @default 'stop', or 'tool_calls' */
  finishReason?: 'stop' | 'length' | 'tool_calls' | 'content_filter'
  /** In tokens; counted from the texts unless given. `output` contains `reasoning`, `input` contains `cached`. */
  usage?: { input?: number; output?: number; cached?: number; reasoning?: number }
  /** The whole body, raw; for requests that stream too unless there are `chunks`. */
  body?: unknown
  /** The stream, raw: a string is written as it is, anything else as `data: <JSON>`. Only for requests that stream. */
  chunks?: (string | object)[]
}

/** What is said in the end. */
export type Said = {
  text?: string
  refusal?: string
  toolCalls?: SaidCall[]
  finishReason?: NonNullable<Answer['finishReason']>
  usage?: NonNullable<Answer['usage']>
}

export type SaidCall = { name: string; arguments: string; custom: boolean }

/** The part of a scripted answer that is said aloud, or undefined where it leaves the words to the fake. */
export function wordsOf({ text, json, refusal, toolCalls }: Answer): Said | undefined {
  const said: Said = {
    ...(text === undefined ? {} : { text }),
    ...(json === undefined ? {} : { text: JSON.stringify(json) }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(toolCalls === undefined ? {} : { toolCalls: toolCalls.map(spelled) }),
  }
  return Object.keys(said).length === 0 ? undefined : said
}

const spelled = ({ name, arguments: given, custom = false }: ToolCall): SaidCall => ({
  name,
  arguments: typeof given === 'string' ? given : JSON.stringify(given),
  custom,
})
