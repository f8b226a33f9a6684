import { type CallRecord, createGatewayClient, hotdashPolicy } from '@hotdash/llm-gateway'
import { createLocalEmbedder, type Embedder } from '@hotdash/llm-gateway/local-embedder'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { type Column, table } from './table.ts'

type Topic = 'too small' | 'worn' | 'hours'

/** Questions of support's customers, in order, each with its topic. */
const CHATS: [question: string, topic: Topic][] = [
  ['How do I return shoes that do not fit?', 'too small'],
  ['How can I return shoes that do not fit me?', 'too small'],
  ['What is the way to return shoes that do not fit?', 'too small'],
  ['How can I return the shoes if they do not fit?', 'too small'],
  ['How do I return a pair of shoes that does not fit?', 'too small'],
  ['How do I return shoes that do fit?', 'worn'],
  ['How do I return 12 shoes that do not fit?', 'worn'],
  ['When does the shop in Leeds open?', 'hours'],
]
const TRAPS = new Set(CHATS.filter(([, topic]) => topic === 'worn').map(([question]) => question))

const ANSWERS: Record<Topic, string> = {
  'too small': 'Send them back within 30 days; the label is in the box.',
  worn: 'That depends: please write to us first.',
  hours: 'We open at nine.',
}

/** The local embedding model if installed; otherwise common words, which suffice for these few questions. */
async function embedderHere(): Promise<{ embedder: Embedder; what: string }> {
  try {
    const embedder = createLocalEmbedder()
    // Loads the model before the first question.
    await embedder.embed(['How do I return shoes?'])
    return { embedder, what: 'a small English model, in this process (createLocalEmbedder())' }
  } catch {
    return {
      embedder: WORDS,
      what: 'a stand-in that compares words, since the packages of createLocalEmbedder() are not installed',
    }
  }
}

/** Prints which questions the semantic cache answers. Returns one sentence per failed check. */
export async function byMeaning(): Promise<string[]> {
  const { embedder, what } = await embedderHere()
  const upstream = await startFakeOpenAI({ answer: ({ body }) => said(body) })
  const records: CallRecord[] = []
  const client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'fake',
    gateway: {
      agent: 'support',
      redis: false,
      langfuse: false,
      supabase: false,
      cache: { semantic: { embedder } },
      // All questions arrive within a second, so the default hourly limit of judgements would be too low.
      policy: {
        ...hotdashPolicy,
        agents: { support: { cache: { semantic: { mode: 'on', judge: { perHour: 36_000 } } } } },
      },
      onCall: (record) => void (record.semantic && records.push(record)),
    },
  })
  for (const [content] of CHATS) {
    await client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }] })
    // Questions arrive one after another; each answer is compared with earlier ones in the background.
    await client.gateway.flush()
  }
  await Promise.all([client.gateway.close(), upstream.close()])
  const rows = records.map((record, at) => ({ question: CHATS[at]?.[0] ?? '', record }))
  console.log(`\nBy meaning: support is asked the same thing in other words\n`)
  console.log(table(COLUMNS, rows))
  console.log(`\nVectors: ${what}. The judge is simulated, and knows all answers.`)
  return broken(records)
}

type Row = { question: string; record: CallRecord }
const COLUMNS: Column<Row>[] = [
  { title: 'question', width: 52, of: ({ question }) => question },
  {
    title: 'answer',
    width: 14,
    of: ({ record }) => (record.cache === 'semantic' ? 'from the cache' : 'asked'),
  },
  {
    title: 'cosine',
    width: 6,
    right: true,
    of: ({ record }) => record.semantic?.similarity?.toFixed(3) ?? '',
  },
  { title: 'why', width: 60, of: ({ record }) => why(record.semantic) },
]

function broken(records: CallRecord[]): string[] {
  const served = records.flatMap(({ cache }, at) => (cache === 'semantic' ? [CHATS[at]?.[0] ?? ''] : []))
  return [
    ...(served.length === 0 ? ['no question was answered by meaning'] : []),
    ...served.filter((question) => TRAPS.has(question)).map((question) => `a trap was answered: ${question}`),
  ]
}

function why(semantic: CallRecord['semantic']): string {
  const { outcome, path, reason, confidence = 0 } = semantic ?? {}
  if (outcome === 'hit')
    return path === 'consensus' ? `neighbours agree (${confidence.toFixed(2)})` : 'near enough'
  if (outcome === 'veto') return `a guard vetoed: ${reason}`
  if (reason !== undefined) return `not near enough; a guard would veto: ${reason}`
  return outcome === 'no-candidate' ? 'no earlier question' : 'not near enough'
}

type Body = { messages?: { content: string }[] }
type Shown = { answers_given: { question: string }[]; asked_now: string }

const topicOf = (question: string) => CHATS.find(([text]) => text === question)?.[1] ?? 'hours'

function said(body: Body): string {
  const content = body.messages?.at(-1)?.content ?? ''
  if (!content.includes('"asked_now"'))
    return `${ANSWERS[topicOf(content)]} Question of ${content.length} letters.`
  const { answers_given, asked_now }: Shown = JSON.parse(content)
  const verdicts = answers_given.map(({ question }) => topicOf(question) === topicOf(asked_now))
  return verdicts.map((isSame) => (isSame ? 'YES' : 'NO')).join(' ')
}

const WORDS: Embedder = {
  id: 'demo-words',
  dimensions: 256,
  calibration: {
    minSimilarity: 0.97,
    minConfidence: 0.68,
    minConsensusSimilarity: 0.6,
    bandwidth: 0.1,
    priorSimilarity: 0.5,
  },
  embed: async (texts) => texts.map(vectorOf),
}

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(256)
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    let place = 7
    for (const letter of word) place = (place * 31 + letter.charCodeAt(0)) % 256
    vector[place] = (vector[place] ?? 0) + 1
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => value / (length || 1))
}
