import type { Plan } from './plan.ts'

/**
 * Server-sent events written in another way that means the same (WHATWG HTML, "Interpreting an event stream"). Takes
 * text as it comes and gives out whole lines. What is not in the plain form that OpenAI writes is left alone.
 */
export function rewriterOf(plan: Plan) {
  const { random, newline, bom, space, garbage } = plan
  let rest = ''
  let begun = false
  let isPlain = true
  let over = false

  function lineOf(line: string): string {
    if (line === '') return newline + noiseOf()
    const field = /^(data|event): (.*)$/s.exec(line)
    if (field === null) return line + newline
    const [, name = '', value = ''] = field
    const parts = name === 'data' && random() < plan.spread ? spread(value, random) : [value]
    return parts
      .map((part) => `${name}:${space || part.startsWith(' ') ? ' ' : ''}${part}${newline}`)
      .join('')
  }

  function noiseOf(): string {
    if (over || random() >= plan.noise) return ''
    const lines = [
      ': ping',
      ':',
      'id: 7',
      'retry: 5',
      'unknown: field',
      'no colon at all',
      '',
      '\ufeff: again',
    ]
    const some = lines.filter(() => random() < 0.3)
    // A comment within a block would belong to the next event; it means nothing there, either.
    return some.map((line) => line + newline).join('')
  }

  return {
    push(text: string): string {
      if (!begun) isPlain = /^(data|event): /.test(text) && !text.includes('\r')
      if (!isPlain) return text
      let out = begun || !bom ? '' : '\ufeff'
      begun = true
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        out += lineOf(line)
        if (line !== 'data: [DONE]') continue
        over = true
      }
      return out
    },
    end(): string {
      const last = rest
      rest = ''
      return over && last === '' ? garbage.replaceAll('\n', newline) : last
    },
  }
}

/** At a place between two tokens, where JSON allows a line's end. */
function spread(json: string, random: () => number): string[] {
  const places: number[] = []
  let inString = false
  for (let at = 0; at < json.length; at += 1) {
    const letter = json[at]
    if (inString && letter === '\\') at += 1
    else if (letter === '"') inString = !inString
    else if (!inString && (letter === ',' || letter === '{' || letter === '[')) places.push(at + 1)
  }
  const place = json.startsWith('{') ? places[Math.floor(random() * places.length)] : undefined
  return place === undefined ? [json] : [json.slice(0, place), json.slice(place)]
}
