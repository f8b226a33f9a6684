/** Questions about a fictional shoe shop. */

export const SYSTEM = {
  'ai-customer': 'You are the shop assistant of HotDash, a shoe shop. Be brief and kind.',
  support: 'You help the support team of HotDash, a shoe shop. Cite the policy you rely on.',
} as const

const topics = ['boots', 'running shoes', 'sandals', 'gift cards', 'children’s shoes', 'sale items', 'socks']
const matters = [
  'Can I return TOPIC that I have worn once?',
  'How long does delivery of TOPIC take?',
  'Do you ship TOPIC to Norway?',
  'Which size of TOPIC should I take?',
]
/** 28 questions; customers ask the first ones most often. */
export const QUESTIONS = matters.flatMap((matter) => topics.map((topic) => matter.replace('TOPIC', topic)))

/** After a newsletter, all customers ask the same question at the same time. */
export const RUSHES = [
  { clock: 10 * 60 + 30, question: 'Does the 20% newsletter offer hold for boots, too?' },
  { clock: 14 * 60, question: 'Is the flash sale on trail runners still on?' },
  { clock: 16 * 60 + 30, question: 'My parcel says delayed: is there a strike?' },
]

/** The question during which upstream is overloaded. */
export const HICCUP = 'Is your web shop down? I cannot pay.'

export const POLICIES = [
  'How do we treat a return after 30 days?',
  'Who signs off a refund above $500?',
  'What do we promise about delivery before Christmas?',
  'Which suppliers are audited this year?',
  'How long do we keep customer data?',
  'What is our position on leather from Brazil?',
]

const regions = ['north', 'south', 'east', 'west', 'online']
const lines = ['boots', 'trail runners', 'sneakers', 'sandals', 'slippers']

/** Weekly reports are far above 2,000 tokens; the memo is below. */
export const REPORTS = [1, 2, 3, 4, 5].map((week) => ({ week, text: report(week, 120) }))
export const MEMO = report(6, 6)

function report(week: number, paragraphs: number): string {
  return Array.from({ length: paragraphs }, (_, at) => {
    const units = 100 + ((week * 37 + at * 53) % 400)
    const change = ((week * 11 + at * 7) % 31) - 15
    const [region, line] = [regions[at % 5], lines[(at * 3 + week) % 5]]
    const sales = `${units} pairs of ${line} sold, ${change}% on the week before`
    return `Week ${week}, ${region}: ${sales}; returns were at ${2 + (at % 9)}%.`
  }).join('\n')
}

/** Batches of the background agents: every item is new. */
export const BATCHES = {
  analytics: (item: number) => `Traffic of landing page ${item}: up 12% on mobile, down 3% on desktop.`,
  inventory: (item: number) =>
    `Article ${4_000 + item}: ${item % 7} left, ${5 + (item % 11)} sold last week.`,
  ads: (item: number) => `Campaign ${item}: $${40 + item} spent, ${item % 9} orders.`,
  seo: (item: number) => `Describe category page ${item} in 150 characters.`,
  content: (item: number) => `Two sentences of copy for shoe model ${item}.`,
} as const
