import fc from 'fast-check'
import type { Json, JsonObject } from '#src/core/json.ts'
import type { Operation } from '#src/core/operation.ts'

export const chat = (...contents: Json[]): JsonObject => ({
  messages: contents.map((content) => ({ role: 'user', content })),
})

const soup = fc.string({ unit: 'grapheme', maxLength: 300 })
const words = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "don't",
        "'tis",
        "I'LL",
        'camelCase',
        'a/b',
        '1٣2',
        'naïve',
        '日本語',
        '<|endoftext|>',
        '\r\n',
        '\t\t ',
        'x'.repeat(900),
      ),
      fc.string({ unit: fc.constantFrom(..."abcXYZ012345'’ \n\r/.,!é٣日\u0301\ud83d"), maxLength: 12 }),
    ),
    { maxLength: 60 },
  )
  .map((words) => words.join(' '))
export const texts = fc.oneof(
  soup,
  words,
  words.map((text) => text.replaceAll(' ', '')),
)
export const bodies = fc.array(texts, { minLength: 1, maxLength: 4 }).map((contents) => chat(...contents))
export const weird = fc.tuple(
  fc.constantFrom<Operation>('chat', 'responses', 'completions'),
  fc.dictionary(
    fc.constantFrom(
      'messages',
      'input',
      'instructions',
      'tools',
      'functions',
      'response_format',
      'text',
      'prompt',
    ),
    fc.jsonValue({ maxDepth: 5 }),
  ) as fc.Arbitrary<JsonObject>,
)
