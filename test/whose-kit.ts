import type OpenAI from 'openai'
import type { Setup } from './support.ts'

export type Client = Setup['client']

let answers = 0
/** Each answer of upstream is another one. */
export const counting = {
  answer: () => {
    answers += 1
    return String(answers)
  },
}

export const said = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.message.content
