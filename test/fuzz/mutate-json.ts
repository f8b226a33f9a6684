/** Returns a random whole number from 0 to below `below`. */
export type Random = (below: number) => number

type Node = null | boolean | number | string | Node[] | { [name: string]: Node }

const VALUES: Node[] = [null, true, false, 0, 1, -1, 0.5, 1e21, '', 'a', 'm', 't', [], {}, ['a'], { a: 'm' }]

/**
 * Changes the JSON object that an input ends with in one to four places: members come, go, and get other values.
 * `undefined`: it ends with none.
 */
export function mutateJson(
  input: Buffer,
  other: Buffer,
  words: readonly Buffer[],
  random: Random,
): Buffer | undefined {
  const found = parse(input)
  if (found === undefined) return undefined
  const pool = nodesOf(parse(other)?.value ?? {})
  const word = () => words[random(words.length)]?.toString('utf8') ?? 'a'
  const value = (): Node => {
    if (random(4) === 0) return word()
    return structuredClone(
      (random(2) === 0 ? VALUES : pool)[random(random(2) === 0 ? VALUES.length : 99)] ?? 1,
    )
  }
  for (let times = 1 + random(4); times > 0; times -= 1) {
    const nodes = nodesOf(found.value)
    const node = nodes[random(nodes.length)]
    if (Array.isArray(node)) changeList(node, value(), random)
    else if (typeof node === 'object' && node !== null) changeObject(node, word(), value(), random)
  }
  return Buffer.concat([input.subarray(0, found.at), Buffer.from(JSON.stringify(found.value))])
}

function parse(input: Buffer): { at: number; value: Node } | undefined {
  const at = input.indexOf('{')
  if (at === -1) return undefined
  try {
    return { at, value: JSON.parse(input.toString('utf8', at)) as Node }
  } catch {
    return undefined
  }
}

/** Returns the node and all below it. */
function nodesOf(node: Node): Node[] {
  if (typeof node !== 'object' || node === null) return [node]
  return [node, ...Object.values(node).flatMap(nodesOf)]
}

function changeList(list: Node[], value: Node, random: Random): void {
  const at = random(list.length + 1)
  if (random(3) === 0) list.splice(at, 1)
  else list.splice(at, random(2), value)
}

function changeObject(node: { [name: string]: Node }, word: string, value: Node, random: Random): void {
  const names = Object.keys(node)
  const name = names[random(names.length)]
  const choice = random(5)
  if (choice === 0 && name !== undefined) delete node[name]
  else if (choice === 1 && name !== undefined) {
    node[word] = node[name] ?? null
    delete node[name]
  } else if (choice === 2 && name !== undefined) node[name] = value
  // Not assigned: the name may be `__proto__`.
  else Object.defineProperty(node, word, { value, enumerable: true, configurable: true, writable: true })
}
