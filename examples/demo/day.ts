import { BATCHES, HICCUP, MEMO, POLICIES, QUESTIONS, REPORTS, RUSHES, SYSTEM } from './catalog.ts'
import { type Random, randomFrom } from './random.ts'
import type { Agent, Task } from './tasks.ts'

/** One task of an agent at a time of the day. */
export type Step = { id: string; clock: string; agent: Agent; task: Task; long: boolean }
/** Steps that begin together. The next moment waits for all of them, so the machine's speed has no effect. */
export type Day = Step[][]

type Plan = { minute: number; agent: Agent; task: Task }

/** More than the background team's 30 requests a minute: the last ones are refused. */
const BATCH_STEPS = 38
const STEPS_PER_MOMENT = 12
const PEOPLE_PER_RUSH = 7

/** A longer day has more repetitions, not more questions. */
export function planDay({ steps, seed }: { steps: number; seed: number }): Day {
  const random = randomFrom(seed)
  const batches = Math.min(BATCH_STEPS, Math.round(steps * 0.1))
  const rush = steps >= 60 ? PEOPLE_PER_RUSH : 2
  const reports = Math.round(steps * 0.1)
  const lookUps = Math.round(steps * 0.12)
  const tickets = Math.max(0, steps - batches - reports - lookUps - rush * RUSHES.length - 1)
  const plan: Plan[] = [
    ...many(batches, (at) => batch(at, random)),
    ...many(reports, () => report(random)),
    ...many(lookUps, () => lookUp(random)),
    ...many(tickets, () => ticket(random)),
    ...RUSHES.flatMap(({ clock, question }) =>
      many(rush, () => ({
        minute: clock,
        agent: 'ai-customer' as const,
        task: chat('ai-customer', question),
      })),
    ),
    { minute: 13 * 60, agent: 'ai-customer', task: chat('ai-customer', HICCUP) },
  ]
  return inMoments(plan.sort((a, b) => a.minute - b.minute))
}

/** Twelve calls for the real API: all features except the limits. */
export function planSmallDay(): Day {
  const [question = '', other = ''] = QUESTIONS
  const document = REPORTS[0]?.text ?? ''
  const summary: Task = { kind: 'report', document, question: 'Which region needs attention?' }
  const moments: Plan[][] = [
    [
      { minute: 540, agent: 'support', task: chat('support', question) },
      { minute: 540, agent: 'support', task: chat('support', question) },
      { minute: 540, agent: 'ceo-insights', task: summary },
      { minute: 540, agent: 'ai-customer', task: orderStatus(1_234) },
    ],
    [
      { minute: 600, agent: 'support', task: chat('support', question) },
      { minute: 600, agent: 'ceo-insights', task: summary },
      { minute: 600, agent: 'ai-customer', task: chat('ai-customer', other) },
      { minute: 600, agent: 'ai-knowledge', task: { kind: 'embeddings', texts: POLICIES } },
    ],
    [
      { minute: 660, agent: 'inventory', task: { kind: 'structured', question: BATCHES.inventory(1) } },
      { minute: 660, agent: 'content', task: copy(BATCHES.content(1)) },
      { minute: 660, agent: 'ai-knowledge', task: { kind: 'embeddings', texts: POLICIES } },
    ],
  ]
  return moments.map((moment, at) => moment.map((plan, place) => toStep(plan, at * STEPS_PER_MOMENT + place)))
}

/** One agent asks, the rest of its team a little later, each in its own process; then all at once. */
export function planSharedMorning(): Day {
  const agents = ['analytics', 'inventory', 'seo', 'ads', 'content'] as const
  const asks = (agent: Agent, question: string): Plan => ({
    minute: 6 * 60,
    agent,
    task: { kind: 'structured', question },
  })
  const stock = 'What does the stock of the whole shop look like this morning?'
  const plans = [
    agents.slice(0, 1).map((agent) => asks(agent, stock)),
    agents.slice(1).map((agent) => asks(agent, stock)),
    agents.map((agent) => asks(agent, 'What did the shop sell last night?')),
  ]
  return plans.map((moment, at) =>
    moment.map((plan, place) => ({ ...toStep(plan, place), id: `morning-${at}-${place}` })),
  )
}

function ticket(random: Random): Plan {
  const minute = random.around([10 * 60, 12 * 60, 15 * 60], 150)
  if (random.chance(0.04)) return { minute, agent: 'ai-customer', task: orderStatus(1_200 + random.below(8)) }
  const agent = random.chance(0.55) ? 'ai-customer' : 'support'
  const question = QUESTIONS[random.low(QUESTIONS.length)] ?? ''
  return { minute, agent, task: chat(agent, question) }
}

function report(random: Random): Plan {
  const minute = random.around([8 * 60, 16 * 60], 90)
  const document = random.chance(0.15) ? MEMO : (random.pick(REPORTS)?.text ?? '')
  const question = random.pick(['Which region needs attention?', 'What should we stop selling?']) ?? ''
  return { minute, agent: 'ceo-insights', task: { kind: 'report', document, question } }
}

function lookUp(random: Random): Plan {
  const minute = random.around([9 * 60, 14 * 60], 180)
  const question = POLICIES[random.low(POLICIES.length)] ?? ''
  const task: Task = random.chance(0.5)
    ? { kind: 'embeddings', texts: [question] }
    : { kind: 'responses', instructions: 'You know the handbook of HotDash.', input: question }
  return { minute, agent: 'ai-knowledge', task }
}

function batch(item: number, random: Random): Plan {
  const minute = random.around([7 * 60, 17 * 60], 20)
  const agents = ['analytics', 'inventory', 'ads', 'seo', 'content'] as const
  const agent = agents[item % agents.length] ?? 'analytics'
  const text = BATCHES[agent](item)
  if (agent === 'content') return { minute, agent, task: copy(text) }
  if (agent === 'seo')
    return { minute, agent, task: { kind: 'embeddings', texts: many(8, (at) => `${text} Keyword ${at}.`) } }
  return { minute, agent, task: { kind: 'structured', question: text } }
}

const chat = (agent: keyof typeof SYSTEM, question: string): Task => ({
  kind: 'chat',
  system: SYSTEM[agent],
  question,
})
const copy = (input: string): Task => ({ kind: 'responses', instructions: 'You write product copy.', input })
const orderStatus = (order: number): Task => ({
  kind: 'tools',
  system: SYSTEM['ai-customer'],
  question: `Where is my order ${order}?`,
})

function inMoments(plan: Plan[]): Day {
  const steps = plan.map(toStep)
  return many(Math.ceil(steps.length / STEPS_PER_MOMENT), (at) =>
    steps.slice(at * STEPS_PER_MOMENT, (at + 1) * STEPS_PER_MOMENT),
  )
}

function toStep({ minute, agent, task }: Plan, at: number): Step {
  const clock = [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':')
  return { id: `step-${at}`, clock, agent, task, long: task.kind === 'report' && task.document !== MEMO }
}

const many = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at))
