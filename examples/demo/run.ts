import OpenAI from 'openai'
import { perform } from './agents.ts'
import type { Day, Step } from './day.ts'
import { EMBEDDINGS, type Work } from './tasks.ts'

/** Result of a step: done, or refused by the gateway for a limit of the team. */
export type Outcome = { step: Step; work?: Work; refusal?: string }
export type Run = { outcomes: Outcome[]; wallMs: number }

/** Runs a step with a client: the gateway gets the agent's name, a bare client ignores it. */
export type Doing = (step: Step, work: () => Promise<Work>) => Promise<Work>

export type Take = (step: Step) => Promise<Outcome>

export type Taking = {
  client: OpenAI
  modelFor: (step: Step) => string
  doing?: Doing
}

/** Runs steps with a client. Throws the first error that is not a limit of the gateway. */
export function taking({ client, modelFor, doing }: Taking): Take {
  return async (step) => {
    const work = () => perform(client, modelFor(step), step.task)
    try {
      return { step, work: await (doing === undefined ? work() : doing(step, work)) }
    } catch (error) {
      const refusal = limitOf(error)
      if (refusal !== undefined) return { step, refusal }
      throw new Error(`${step.clock} ${step.agent}, ${step.task.kind} (${step.id}): ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}

/** Runs the whole day, moment by moment. */
export async function runDay(day: Day, take: Take): Promise<Run> {
  const outcomes: Outcome[] = []
  const start = performance.now()
  for (const moment of day) outcomes.push(...(await Promise.all(moment.map(take))))
  return { outcomes, wallMs: performance.now() - start }
}

/** Model for gateway calls: the policy's default, so the gateway routes. */
export const gatewayModel = (step: Step) => (step.task.kind === 'embeddings' ? EMBEDDINGS : 'gpt-4o-mini')

/** Model for bare calls: the large one for long inputs, as the gateway would choose. */
export const bareModel = ({ long, task }: Step) =>
  task.kind === 'embeddings' ? EMBEDDINGS : long ? 'gpt-4o' : 'gpt-4o-mini'

function limitOf(error: unknown): string | undefined {
  if (!(error instanceof OpenAI.RateLimitError)) return undefined
  return /^gateway_(rpm|tpm|daily_usd)_exceeded$/.test(error.code ?? '')
    ? (error.code ?? undefined)
    : undefined
}

const messageOf = (error: unknown) =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error)
